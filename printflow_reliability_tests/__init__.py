"""Tests of printflow_reliability: units beside the capability they test, `stack/` for what needs real servers."""
