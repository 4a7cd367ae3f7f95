"""One turn at the outbox: whoever has its lease delivers, and what reached nobody is itself an alert."""

from dataclasses import dataclass

from printflow_reliability.alerts.delivery import DeliveryReport, deliver
from printflow_reliability.alerts.results import record_results
from printflow_reliability.checks import Outcome
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


def delivered(report: DeliveryReport) -> bool:
    """Whether every alert has reached its routes, or none is meant to have any."""
    return all(check.outcome in (Outcome.PASS, Outcome.WARN) for check in report.checks)


def outbox_turn(settings: Settings, holder: str, lasting: float = LEASE_SECONDS) -> OutboxTurn:
    """Deliver what waits, unless somebody else does.

    Raises:
        PrintflowError: the records are away or of another version.
    """
    with on_duty(settings.records, OUTBOX, holder, lasting) as lease:
        if not lease.mine:
            return OutboxTurn(lease)
        report = deliver(settings)
        record_results(settings, report.checks, alert=True)
    return OutboxTurn(lease, report)
