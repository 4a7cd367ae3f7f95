"""Copies of configuration and secrets, of our own memory and of queues: made, listed, verified, restored."""
