"""Posture: what the platform's own code and configuration must have so that nothing is lost in the first place."""
