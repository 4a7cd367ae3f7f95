"""Tests of copies of the configuration."""
