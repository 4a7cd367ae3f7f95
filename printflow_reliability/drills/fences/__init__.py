"""The fence: a moment of production that is known exactly, and what the clones say of it."""
