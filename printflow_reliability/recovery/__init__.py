"""Recoveries in earnest: everything back into clusters that stay, or one tenant's rows into production."""
