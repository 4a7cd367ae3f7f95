"""One turn at the queues: whoever has the lease looks at all of them, records the answers and raises their alerts."""

from dataclasses import dataclass

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.results import record_results
from printflow_reliability.alerts.turn import beating
from printflow_reliability.checks import Outcome
from printflow_reliability.queues.look import QueuesReport, check_queues
from printflow_reliability.records.leases import Lease, on_duty
from printflow_reliability.settings import Settings

QUEUES = "queues"
INTERVAL_SECONDS = 60
"""How often somebody looks: well within the minutes that a job may wait."""
LASTING_SECONDS = 45.0
"""How long a look keeps others from looking too; shorter than the interval, so that whoever looked is not late."""


@dataclass(frozen=True)
class QueuesTurn:
    """What came of a turn; no report where somebody else has the lease."""

    lease: Lease
    report: QueuesReport | None = None

    def describe(self) -> str:
        """What was found, or who looks."""
        if self.report is None:
            return f"stands by: {self.lease.describe()}"
        wrong = [f"{check.check}: {check.detail}" for check in self.report.checks if check.outcome is not Outcome.PASS]
        return "; ".join(wrong) or "queues, workers and Redis are well"


def are_watched(settings: Settings) -> bool:
    """Whether printflow.toml names anything that this looks at."""
    return bool(settings.queue or settings.worker or settings.redis)


def queues_turn(settings: Settings, holder: str, heartbeats: Heartbeats) -> QueuesTurn:
    """Look, record and raise alerts, unless somebody else does; the outbox delivers them.

    Its watcher hears of a success whatever was found: what is wrong is an alert, and the look itself was done.

    Raises:
        PrintflowError: the records are away or of another version.
    """
    with on_duty(settings.records, QUEUES, holder, LASTING_SECONDS) as lease:
        if not lease.mine:
            return QueuesTurn(lease)
        with beating(heartbeats, settings, QUEUES):
            report = check_queues(settings)
            record_results(settings, report.checks, alert=True)
        turn = QueuesTurn(lease, report)
        heartbeats.done(settings, QUEUES, turn.describe())
    return turn
