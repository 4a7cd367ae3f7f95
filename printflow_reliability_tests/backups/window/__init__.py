"""Tests of the recoverable window."""
