"""Looks at the queues beside the watch's rounds: one that waits for a silent Redis keeps no paid order waiting."""

import threading
import time
from collections.abc import Callable

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.checks import Outcome, worst
from printflow_reliability.defects import described
from printflow_reliability.errors import PrintflowError
from printflow_reliability.queues.turn import INTERVAL_SECONDS, are_watched, queues_turn
from printflow_reliability.settings import Settings
from printflow_reliability.watch.diary import Diary

ENDING_SECONDS = 5.0
"""How long the end of the watch waits for a look: longer than one takes where all answer."""


class QueueLooks:
    """Begins a look when one is due and none goes on."""

    def __init__(self, holder: str, heartbeats: Heartbeats, clock: Callable[[], float] = time.monotonic) -> None:
        """As whom the lease is taken, who watches this, and seconds that only grow."""
        self._holder = holder
        self._heartbeats = heartbeats
        self._clock = clock
        self._due = clock()
        self._look: threading.Thread | None = None
        self._diary = Diary()

    def begin_if_due(self, settings: Settings) -> None:
        """Begin a look in a thread of its own."""
        if self._clock() < self._due or not are_watched(settings):
            return
        if self._look is not None and self._look.is_alive():
            self._diary.tell(Outcome.UNKNOWN, "queues: the look before has not ended yet")
            return
        self._due = self._clock() + INTERVAL_SECONDS
        self._look = threading.Thread(target=self._go, args=(settings,), name="queues", daemon=True)
        self._look.start()

    def end(self) -> None:
        """Wait a moment for the look that goes on: it would take its lease again after that was given back."""
        if self._look is not None:
            self._look.join(ENDING_SECONDS)

    def _go(self, settings: Settings) -> None:
        try:
            turn = queues_turn(settings, self._holder, self._heartbeats)
        except PrintflowError as away:
            self._diary.tell(Outcome.UNKNOWN, f"queues: {away.sentence}")
        except Exception as defect:
            report_error(defect)
            self._diary.tell(Outcome.UNKNOWN, f"queues: {described(defect)}")
        else:
            outcomes = [check.outcome for check in turn.report.checks] if turn.report else []
            self._diary.tell(worst([*outcomes, Outcome.PASS]), f"queues: {turn.describe()}")
