"""Print files: one PDF inspected in an isolated worker, and the sweep over all that are referenced."""
