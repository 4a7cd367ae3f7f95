"""Readiness: whether everything that the platform's safety depends on answers, within seconds."""
