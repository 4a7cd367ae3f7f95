"""One turn at the guard: whoever has its lease judges the paid orders, records the answer and delivers its alerts."""

from dataclasses import dataclass

from printflow_reliability.alerts.delivery import DeliveryReport, deliver
from printflow_reliability.alerts.duty_watch import mind_absent
from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.results import record_results
from printflow_reliability.alerts.turn import beating, heard
from printflow_reliability.orders.guard import GuardReport, check_paid_orders
from printflow_reliability.orders.names import GUARD
from printflow_reliability.records.database import open_records
from printflow_reliability.records.leases import LEASE_SECONDS, Lease, give_back, on_duty
from printflow_reliability.settings import Settings


@dataclass(frozen=True)
class GuardTurn:
    """What came of a turn; no reports where somebody else has the lease."""

    lease: Lease
    report: GuardReport | None = None
    delivery: DeliveryReport | None = None

    @property
    def failed(self) -> bool:
        """Whether paid orders should have been judged and were not."""
        return self.report is not None and not self.report.judged

    def describe(self) -> str:
        """What was found, or who looks."""
        if self.report is None:
            return f"stands by: {self.lease.describe()}"
        return "; ".join(check.detail for check in self.report.checks)

    def told(self) -> str:
        """The same for its watcher, with what became of the alerts."""
        alerts = "; ".join(check.detail for check in self.delivery.checks) if self.delivery else ""
        return f"{self.describe()}\n{alerts}"


def guard_turn(
    settings: Settings, holder: str, heartbeats: Heartbeats, lasting: float = LEASE_SECONDS, *, announced: bool = True
) -> GuardTurn:
    """Judge, alert and deliver, unless somebody else does. Whoever could not judge lets the other try.

    `announced`: this holder comes again and again, and is missed when it does not. Its watcher hears of a success only
    if the orders were judged and every alert has reached its routes.

    Raises:
        PrintflowError: the records are away or of another version.
    """
    with on_duty(settings.records, GUARD, holder, lasting, announced=announced) as lease:
        if not lease.mine:
            return GuardTurn(lease)
        with beating(heartbeats, settings, GUARD):
            report = check_paid_orders(settings)
            record_results(settings, report.checks, alert=True)
            with open_records(settings.records) as records:
                mind_absent(records, settings, GUARD, holder)
            delivery = deliver(settings)
        turn = GuardTurn(lease, report, delivery)
        (heartbeats.done if report.judged and heard(delivery) else heartbeats.failed)(settings, GUARD, turn.told())
    if not report.judged:
        give_back(settings.records, GUARD, holder)
    return turn
