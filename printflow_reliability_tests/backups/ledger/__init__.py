"""What a verification reads now, and what it believes of what it does not read."""
