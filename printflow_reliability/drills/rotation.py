"""What each week's drill restores: all targets in turn, every second one from the offsite repository alone."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

TARGETS = ("latest", "random", "longest", "yesterday noon")


def plan_of_week(scheduled: date, repositories: Sequence[int]) -> tuple[str, int]:
    """The target and the repository of the drill that is due on a day.

    Repositories change every week and targets every second one, so each target meets each of two repositories within
    eight weeks.
    """
    week = scheduled.toordinal() // 7
    target = TARGETS[week // len(repositories) % len(TARGETS)]
    if target == TARGETS[-1]:
        target = datetime.combine(scheduled - timedelta(days=1), time(12), UTC).isoformat()
    return target, repositories[week % len(repositories)]
