"""Accepting a print file for a version of its order, once."""
