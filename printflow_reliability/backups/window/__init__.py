"""The recoverable window: which moments each repository can restore, and which of them a drill has proven."""
