"""One look at paid orders: what is there, for all of them, then what is new to the ledger, within a budget of time.

It knows no records: what it needs of them (verdicts, overrides, failed jobs) is handed to it, so that it looks without
them too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.presence import Presence, in_parallel
from printflow_reliability.files.quarantine.releasable import releasable
from printflow_reliability.orders.failed_generation import with_failed_jobs
from printflow_reliability.orders.judgement import OrderAnswer, Override, check_items, keys_in_place
from printflow_reliability.orders.rolled_back import RolledBack
from printflow_reliability.orders.synthetic import without_synthetic
from printflow_reliability.pdf.ledger import Verdicts
from printflow_reliability.pdf.verify import Pace, PdfVerifier
from printflow_reliability.pdf.worker import InspectionWorker
from printflow_reliability.platform.paid_orders import PaidItem, connect_for_orders, paid_items
from printflow_reliability.platform.tenancy import BasePaths, tenants
from printflow_reliability.records.quarantine import Held, Quarantined, nothing_held
from printflow_reliability.records.queues import FailedOrder
from printflow_reliability.settings import Settings
from printflow_reliability.storage.lookup import By

BUDGET_SECONDS = 20.0
"""How long one look may take: it begins with what is there for all orders, and inspects within what is left."""
INSPECTING_SECONDS = 12.0
"""How far into a look files that are new to the ledger are fetched; what is left has its turn at the next one."""
STOP_SECONDS = 16.0
"""When a look gives up what it still inspects, so that what it found is held and told within its budget."""
LEAST_SECONDS = 4.0
"""What is left for inspections however long the databases took: with nothing left, new files would never be told."""
PATIENCE_SECONDS = 5.0
"""How long the inspection of one file may keep the others waiting; it has its turn again after them."""


def pace_from(began: float, now: float) -> Pace:
    """The pace of a look that began then and inspects from now on, by the monotonic clock."""
    until = max(began + INSPECTING_SECONDS, now + min(LEAST_SECONDS, INSPECTING_SECONDS))
    return Pace(until, max(began + STOP_SECONDS, until), PATIENCE_SECONDS)


@dataclass(frozen=True)
class Remembered:
    """What the records say of orders.

    Attributes:
        overrides: those in force, by order.
        failed_jobs: the newest failed job of each of the judged orders that has any.
        rolled_back: the rollbacks that took files back under orders.
        quarantined: tells which keys of the orders' bucket were moved aside as orphans.
    """

    overrides: Mapping[str, Override]
    failed_jobs: Mapping[str, FailedOrder] = field(default_factory=dict)
    rolled_back: RolledBack = field(default_factory=dict)
    quarantined: Held = nothing_held


class GuardPass:
    """One pass: the tenants, the overrides and the time for files are the same for all that it checks.

    Attributes:
        overrides: whom a named person lets go, by order.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Verdicts,
        worker: InspectionWorker,
        remembered: Remembered,
        pace: Pace | None = None,
    ) -> None:
        self._settings = settings
        self._verifier = PdfVerifier(settings.bucket_named(settings.orders.bucket), ledger, worker)
        self._pace = pace or Pace()
        self._paths: BasePaths | None = None
        self.remembered = remembered

    def check(self, items: Sequence[PaidItem], by: By) -> tuple[OrderAnswer, ...]:
        """The answer for each order of these items that is some customer's.

        Raises:
            CouldNotTell: the database or S3 does not answer, or the tenants' query has fallen to nothing.
        """
        items = without_synthetic(self._settings, items)
        if not items:
            return ()
        paths = self._paths = self._paths or base_paths(self._settings)
        keys = [*keys_in_place(items, paths)]
        files = {judged.key: judged for judged in self._verifier.verify_within(keys, self._pace, by)}
        grace = self._settings.orders.grace_seconds
        known = self.remembered
        gone = {key for key, judged in files.items() if judged.head is None and not judged.refused}
        held = self._releasable(known.quarantined(gone)) if gone else {}
        answers = check_items(items, paths, files, known.overrides, datetime.now(UTC), grace, known.rolled_back, held)
        return with_failed_jobs(answers, known.failed_jobs)

    def _releasable(self, held: Mapping[str, Quarantined]) -> Mapping[str, Quarantined]:
        """Those that a release brings back: the others are missing. Where that is not known, the release tells."""
        if not held:
            return {}
        present = Presence(self._settings.bucket_named(self._settings.orders.bucket))
        asked = in_parallel(lambda found: releasable(self._settings, present, found[1]), held.items())
        return {key: row for (key, row), answer in asked if answer is not False}

    def confirmed(self, answers: Sequence[OrderAnswer], held_before: set[str]) -> tuple[OrderAnswer, ...]:
        """Look once more at what would be held anew: it may be refunded, or its artwork arrive, while we look."""
        suspects = {answer.order for answer in answers if answer.wrong and answer.order not in held_before}
        if not suspects:
            return tuple(answers)
        again = {answer.order: answer for answer in self.check(paid_items(self._settings, [*suspects]).items, By.HEAD)}
        return tuple(
            again.get(answer.order, answer)
            for answer in answers
            if answer.order not in suspects or answer.order in again
        )


def base_paths(settings: Settings) -> BasePaths:
    """The base paths of all tenants, for judging whose a file is.

    Raises:
        ConfigError: the query is refused, or gives no tenant a base path of its own.
        CouldNotTell: the query has fallen to nothing, or the cluster is unreachable.
    """
    found = tenants(settings, connect_with=connect_for_orders)
    if not found:
        raise CouldNotTell(
            "tenancy.tenants returns nothing, so nobody's files can be told apart",
            "correct the query in printflow.toml",
        )
    return BasePaths(found)
