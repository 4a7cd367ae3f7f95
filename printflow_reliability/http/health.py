"""What probes and Prometheus ask: answers that are kept for some seconds, so that no probe can load the platform."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

from printflow_reliability.checks import Outcome
from printflow_reliability.overview.metrics import metrics_text
from printflow_reliability.readiness.readiness import ReadinessReport, check_readiness, new_questions
from printflow_reliability.settings import Settings
from printflow_reliability.storage.workers import Workers

KEPT_SECONDS = 5.0
"""How long an answer is given again; whoever asks meanwhile costs nobody anything."""
HEALTH_JSON = "application/health+json"
Answer = TypeVar("Answer")


class Kept(Generic[Answer]):
    """One answer for all who ask within some seconds; while it is made, all of them wait for that one."""

    def __init__(self, make: Callable[[Settings], Answer], clock: Callable[[], float] = time.monotonic) -> None:
        """Args: what makes the answer, in a thread of its own, and seconds that only grow."""
        self._make = make
        self._clock = clock
        self._worker = Workers(1)
        self._kept: tuple[Answer, float] | None = None
        self._coming: asyncio.Future[Answer] | None = None

    async def get(self, settings: Settings) -> Answer:
        """The answer: that of before, where it is new enough."""
        if self._coming is not None and self._coming.done():
            self._came(self._coming)  # whoever waited for it may hear of it before we do
        if self._kept is not None and self._clock() - self._kept[1] < KEPT_SECONDS:
            return self._kept[0]
        if self._coming is None:
            self._coming = asyncio.wrap_future(self._worker.submit(partial(self._make, settings)))
            self._coming.add_done_callback(self._came)
        return await asyncio.shield(self._coming)  # whoever gives up leaves it to the others

    def _came(self, coming: "asyncio.Future[Answer]") -> None:
        if self._coming is not coming:
            return
        self._coming = None
        if not coming.cancelled() and coming.exception() is None:
            self._kept = coming.result(), self._clock()


class Health:
    """What the endpoints for probes and Prometheus work with."""

    def __init__(
        self,
        readiness: Callable[[Settings], ReadinessReport] | None = None,
        metrics: Callable[[Settings], str] = metrics_text,
    ) -> None:
        """Args: what asks every system, and what reads the records; a test has its own."""
        questions = new_questions()
        self.readiness = Kept(readiness or (lambda settings: check_readiness(settings, questions)))
        self.metrics = Kept(metrics)


def health_document(settings: Settings, report: ReadinessReport) -> dict[str, Any]:
    """The answers in the form of health+json (draft-inadarei-api-health-check); what is not known has failed."""
    now = datetime.now(UTC)
    return {
        "status": "pass" if report.ready else "fail",
        "description": settings.platform.name,
        "checks": {
            check.check: [
                {
                    "status": "pass" if check.outcome is Outcome.PASS else "fail",
                    "outcome": check.outcome,
                    "observedValue": round(report.seconds[check.check] * 1000, 1),
                    "observedUnit": "ms",
                    "time": now,
                    "output": settings.redact(check.detail),
                }
            ]
            for check in report.checks
        },
    }
