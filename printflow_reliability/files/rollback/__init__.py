"""A bucket as it was at a moment: what became of each key since, what brings it back, and what undoes that."""
