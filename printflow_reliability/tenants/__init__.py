"""One tenant's rows: which they are, and how they come back."""
