"""What the records say of everything, read in one go: for the metrics and for the screen at 3 a.m."""
