"""Tests of tenant restore."""
