"""How long a dump is kept: its class is fixed when it is made, since Object Lock is."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from printflow_reliability.settings import DumpsSettings


class Retention(StrEnum):
    """The retention classes of dumps."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


def class_of(taken_at: datetime, earlier: Iterable[tuple[datetime, str]]) -> Retention:
    """The class of a new dump: the first of a month is monthly, the first of an ISO week weekly, any other daily.

    A monthly dump is a week's first too.

    Args:
        taken_at: when its snapshot is taken.
        earlier: when the whole dumps of the same database were taken, and their classes.
    """
    now = taken_at.astimezone(UTC)
    known = [(moment.astimezone(UTC), retention) for moment, retention in earlier]
    if not any((m.year, m.month) == (now.year, now.month) for m, kept in known if kept == Retention.MONTHLY):
        return Retention.MONTHLY
    longer = (Retention.WEEKLY, Retention.MONTHLY)
    if not any(m.isocalendar()[:2] == now.isocalendar()[:2] for m, kept in known if kept in longer):
        return Retention.WEEKLY
    return Retention.DAILY


def locked_until(taken_at: datetime, retention: Retention, dumps: DumpsSettings) -> datetime:
    """Until when a dump cannot be deleted, to the second, as stores keep it; never beyond `max_lock_days`."""
    days = {
        Retention.DAILY: dumps.daily_days,
        Retention.WEEKLY: dumps.weekly_days,
        Retention.MONTHLY: dumps.monthly_days,
    }[retention]
    until = taken_at.astimezone(UTC) + timedelta(days=min(days, dumps.max_lock_days))
    return until.replace(microsecond=0)
