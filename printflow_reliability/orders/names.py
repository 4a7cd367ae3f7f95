"""What the guard is called where others name it: its check, and the lease of whoever judges paid orders."""

ARTWORK = "orders.artwork"
GUARD = "guard"
