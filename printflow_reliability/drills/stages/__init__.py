"""A drill as a chain of stages: each takes the results of those before it and returns its own, which never change."""
