"""How old the newest answer of a check may be: as long as its schedule allows.

Dagster's freshness policies say the same of the assets; a test compares the two.
"""

from collections.abc import Mapping
from datetime import timedelta

OFTEN = timedelta(hours=1)
HOURLY = timedelta(hours=3)
DAILY = timedelta(hours=36)
WEEKLY = timedelta(days=9)
RECENT_WITHIN: Mapping[str, timedelta] = {
    "backup": DAILY,
    "backup.window": HOURLY,
    "wal": HOURLY,
    "dump": DAILY,
    "config": DAILY,
    "copies": DAILY,
    "drill": WEEKLY,
    "recovery": WEEKLY,
    "files": DAILY,
    "files.deletions": OFTEN,
    "pdf": DAILY,
    "orders": OFTEN,
    "queues": OFTEN,
    "redis": OFTEN,
    "posture": DAILY,
    "checkout": DAILY,
}
"""By a check's name, or the part of it before the dot; whatever is not named is looked at every hour at least."""


def recent_within(check: str) -> timedelta:
    """How old the newest answer of that check may be."""
    return RECENT_WITHIN.get(check) or RECENT_WITHIN.get(check.partition(".")[0]) or HOURLY
