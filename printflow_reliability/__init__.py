"""Reliability for Print-Flow-360: backups proven by restoring them, print files reconciled, paid orders guarded."""
