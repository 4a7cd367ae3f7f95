"""One turn at the outbox: whoever has its lease delivers, and what reached nobody is itself an alert."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from printflow_reliability.alerts.delivery import DeliveryReport, deliver
from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.results import record_results
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.records.leases import LEASE_SECONDS, Lease, on_duty
from printflow_reliability.settings import Settings

OUTBOX = "outbox"


@dataclass(frozen=True)
class OutboxTurn:
    """What came of a turn; no report where somebody else has the lease."""

    lease: Lease
    report: DeliveryReport | None = None

    @property
    def failed(self) -> bool:
        """Whether an alert may have reached nobody."""
        return self.report is not None and not delivered(self.report)

    def describe(self) -> str:
        """What was delivered, or who delivers."""
        if self.report is None:
            return f"stands by: {self.lease.describe()}"
        return "; ".join(check.detail for check in self.report.checks)


def heard(report: DeliveryReport) -> bool:
    """Whether people hear of what is wrong: a success is told to no watcher before that."""
    return all(check.outcome is Outcome.PASS for check in report.checks)


def delivered(report: DeliveryReport) -> bool:
    """Whether every alert has reached its routes, or none is meant to have any."""
    return all(check.outcome in (Outcome.PASS, Outcome.WARN) for check in report.checks)


@contextmanager
def beating(heartbeats: Heartbeats, settings: Settings, part: str) -> Iterator[None]:
    """Tell the part's watcher that it begins, and that it failed if the block raises; the block tells the rest."""
    heartbeats.started(settings, part)
    try:
        yield
    except Exception as error:
        what = error.sentence if isinstance(error, PrintflowError) else f"unexpected {type(error).__name__}"
        heartbeats.failed(settings, part, what)
        raise


def outbox_turn(settings: Settings, holder: str, heartbeats: Heartbeats, lasting: float = LEASE_SECONDS) -> OutboxTurn:
    """Deliver what waits, unless somebody else does.

    Its watcher hears of a success only if every alert has reached its routes, and there are any.

    Raises:
        PrintflowError: the records are away or of another version.
    """
    with on_duty(settings.records, OUTBOX, holder, lasting) as lease:
        if not lease.mine:
            return OutboxTurn(lease)
        with beating(heartbeats, settings, OUTBOX):
            report = deliver(settings)
            record_results(settings, report.checks, alert=True)
        turn = OutboxTurn(lease, report)
        (heartbeats.done if heard(report) else heartbeats.failed)(settings, OUTBOX, turn.describe())
    return turn
