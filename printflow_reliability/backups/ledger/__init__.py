"""What was read of each repository and when, so that a verification reads what is new, and the rest by rotation."""
