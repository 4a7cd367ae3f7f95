"""Bringing a wiped repository back: in a versioned bucket what was deleted or overwritten is still there."""
