"""Repairing the artwork of a paid order: search, plan, steps, and the record of who did what."""
