"""Tests of how runs reach other machines."""
