"""Sentry's cron monitors as watchers of heartbeats: one for each part, made by its first check-in."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from printflow_reliability.alerts.sentry.loaded import is_loaded

if TYPE_CHECKING:
    from sentry_sdk.types import MonitorConfig

log = logging.getLogger(__name__)

IN_PROGRESS, OK, ERROR = "in_progress", "ok", "error"
OFTEN_MARGIN_MINUTES = 2
OFTEN_RUNTIME_MINUTES = 5
OFTEN_FAILURES = 2
"""A look that a restart cut off is one failure; what is really wrong is told again within half a minute."""
SCHEDULE_MARGIN_MINUTES = 60
"""A run may wait for another that has the repository."""
SCHEDULE_RUNTIME_MINUTES = 24 * 60
"""A drill of a large cluster takes hours."""
LONGEST_SLUG = 50


@dataclass(frozen=True)
class Occasion:
    """When a part is due, and which of its beginnings and ends belong together.

    Attributes:
        crontab: when a schedule is due, in UTC; None for what works all the time.
        run: the id of the run; None where one beginning is followed by its end.
    """

    crontab: str | None = None
    run: str | None = None


ALL_THE_TIME = Occasion()


class Monitors:
    """Tells the monitors; it knows which check-in is open for each part."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, tuple[str, float]] = {}

    def started(self, part: str, occasion: Occasion) -> None:
        """The part begins."""
        check_in = UUID(occasion.run).hex if occasion.run else uuid4().hex
        self._open[part] = (check_in, self._clock())
        self._tell(part, IN_PROGRESS, occasion, check_in, None)

    def ended(self, part: str, occasion: Occasion, *, well: bool) -> None:
        """The part has done its work and told of it, or not."""
        check_in, began = self._open.pop(part, (None, 0.0))
        if occasion.run:
            known = UUID(occasion.run).hex
            began, check_in = (began if check_in == known else 0.0), known
        lasted = self._clock() - began if began else None
        self._tell(part, OK if well else ERROR, occasion, check_in, lasted)

    def _tell(self, part: str, status: str, occasion: Occasion, check_in: str | None, lasted: float | None) -> None:
        if not is_loaded():
            return
        from sentry_sdk.crons import capture_checkin

        try:
            capture_checkin(slug(part), check_in, status, lasted, monitor_config(occasion))
        except Exception as unsent:  # whatever Sentry's client meets, the work goes on
            log.warning("the monitor of %s was not told: %s", part, type(unsent).__name__)


def slug(part: str) -> str:
    """What Sentry calls the monitor of a part: printflow-guard, printflow-nightly-sweep."""
    return re.sub(r"[^a-z0-9]+", "-", f"printflow-{part}".lower()).strip("-")[:LONGEST_SLUG]


def monitor_config(occasion: Occasion) -> "MonitorConfig":
    """When the monitor is to miss its part, and after how many failures it calls somebody."""
    if occasion.crontab is None:
        return {
            "schedule": {"type": "interval", "value": 1, "unit": "minute"},
            "checkin_margin": OFTEN_MARGIN_MINUTES,
            "max_runtime": OFTEN_RUNTIME_MINUTES,
            "failure_issue_threshold": OFTEN_FAILURES,
            "recovery_threshold": 1,
            "timezone": "UTC",
        }
    return {
        "schedule": {"type": "crontab", "value": occasion.crontab},
        "checkin_margin": SCHEDULE_MARGIN_MINUTES,
        "max_runtime": SCHEDULE_RUNTIME_MINUTES,
        "failure_issue_threshold": 1,
        "recovery_threshold": 1,
        "timezone": "UTC",
    }
