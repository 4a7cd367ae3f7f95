"""The work behind the endpoints: the guard's own functions, with one inspection worker for all requests."""

import threading
import time
from typing import Protocol, TypeVar

from printflow_reliability.errors import PrintflowError
from printflow_reliability.http.answers import Refusal, could_not_tell
from printflow_reliability.kept_connections import KeptConnections
from printflow_reliability.orders.acceptance.accept import Acceptance, accept_file
from printflow_reliability.orders.guard import check_order
from printflow_reliability.orders.judgement import OrderAnswer, UnknownOrder
from printflow_reliability.pdf.verify import Pace
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.settings import PdfSettings, Settings

INSPECTING_SECONDS, STOP_SECONDS = 20.0, 25.0
"""How long after its beginning a request fetches files, and when it gives up what it inspects: before its own end."""
Answer = TypeVar("Answer")


class Judgement(Protocol):
    """What the endpoints ask; both may take long, and are called in threads."""

    def artwork(self, settings: Settings, order: str, tenant: str | None) -> OrderAnswer:
        """Whether an order may go to print.

        Raises:
            PrintflowError: as `orders.guard.check_order`.
        """

    def accept(self, settings: Settings, order: str, version: str, key: str, tenant: str | None) -> Acceptance:
        """Whether a file is accepted.

        Raises:
            PrintflowError: as `orders.acceptance.accept_file`.
        """


class GuardJudgement:
    """The guard's own judgement, by connections and S3 clients that last longer than a request."""

    def __init__(self) -> None:
        self._kept = KeptConnections()
        self._lock = threading.Lock()
        self._worker: tuple[PdfSettings, InspectionWorker] | None = None

    def artwork(self, settings: Settings, order: str, tenant: str | None) -> OrderAnswer:
        """As `printflow orders check` answers."""
        worker = self._worker_by(settings.pdf)
        with self._kept.used():
            return check_order(settings, kept(order), tenant=tenant, worker=worker, pace=_pace())

    def accept(self, settings: Settings, order: str, version: str, key: str, tenant: str | None) -> Acceptance:
        """As `printflow pdf accept` answers."""
        worker = self._worker_by(settings.pdf)
        with self._kept.used():
            return accept_file(settings, order, version, key, tenant=tenant, worker=worker, pace=_pace())

    def close(self) -> None:
        """End the processes that inspect files, and what was kept."""
        self._kept.close()
        with self._lock:
            if self._worker is not None:
                self._worker[1].__exit__(None, None, None)

    def _worker_by(self, rules: PdfSettings) -> InspectionWorker:
        """The worker that judges by these limits and rules; one by earlier ones ends with its last file."""
        with self._lock:
            if self._worker is None or self._worker[0] != rules:
                if self._worker is not None:
                    self._worker[1].__exit__(None, None, None)
                self._worker = (rules, InspectionWorker(rules))
            return self._worker[1]


def refusal_of(error: PrintflowError, settings: Settings) -> Refusal:
    """What the caller hears of it: an order that is unknown, or that nothing could be told."""
    what, next_step = settings.redact(error.what), settings.redact(error.next_step)
    return Refusal(404, what, next_step) if isinstance(error, UnknownOrder) else could_not_tell(what, next_step)


def _pace() -> Pace:
    now = time.monotonic()
    return Pace(now + INSPECTING_SECONDS, now + STOP_SECONDS)
