"""Encrypted logical dumps: made, listed, verified, restored and expired."""
