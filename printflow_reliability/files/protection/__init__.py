"""What protects a bucket's objects from deletion, loss and strangers: asked of its store, item by item."""
