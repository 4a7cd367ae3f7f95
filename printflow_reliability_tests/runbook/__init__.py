"""Tests of the runbook."""
