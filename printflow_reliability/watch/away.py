"""A round of the watch while the records are away, and what happens when they are back.

There is no lease then, so the watch acts: it judges, spools, and pages from the spool. It tells also that the records
are away, once that lasts for more than a round; a restart of their server is nobody's night.
"""

import logging
from dataclasses import dataclass, field

from printflow_reliability.alerts.folding import fold
from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.outbox import Alert
from printflow_reliability.alerts.spooled import SpooledAlerts
from printflow_reliability.alerts.turn import OUTBOX, beating, heard
from printflow_reliability.checks import Outcome, worst
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.findings import Severity
from printflow_reliability.orders.away import fold_held, fold_lifted, held_in, look_away, settle_away
from printflow_reliability.orders.known import Known, known_to
from printflow_reliability.orders.names import GUARD
from printflow_reliability.pdf.ledger import MemoryLedger
from printflow_reliability.records.database import open_records
from printflow_reliability.records.spool import Spool
from printflow_reliability.records.spool_lines import HELD, LIFTED
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted
from printflow_reliability.watch.round import INTERVAL_SECONDS, Round

log = logging.getLogger(__name__)

TOLD_AFTER_ROUNDS = 2
AWAY = "records:away"


@dataclass
class StandIn:
    """What stands in for the records while they are away."""

    spool: Spool
    alerts: SpooledAlerts
    known: Known
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    rounds_away: int = 0

    @classmethod
    def of(cls, spool: Spool) -> "StandIn":
        """With what an earlier process has left in this spool."""
        return cls(spool, SpooledAlerts(spool), Known.from_json(spool.noted()))

    def learn(self, settings: Settings) -> None:
        """The records are there: give them what the spool holds, and note what they know.

        Raises:
            PrintflowError: they are away after all, or of another version.
        """
        with open_records(settings.records) as records:
            if entries := self.alerts.all_entries():
                entries += self.alerts.resolved(AWAY)
                folded = fold(records, settings, entries, {HELD: fold_held, LIFTED: fold_lifted})
                self._empty(folded.refused)
                log.info("the records are back and have taken over %s", counted(folded.taken, "entry", "entries"))
            known = known_to(records)
        if known != self.known:
            self.spool.note(known.as_json())
            self.known = known

    def stand_down(self) -> None:
        """A whole round went with the records: what was known without them is not needed."""
        if self.rounds_away:
            self.rounds_away, self.ledger = 0, MemoryLedger()

    def _empty(self, refused: int) -> None:
        """Let go of what the records have; a spool that cannot be emptied keeps nobody from watching."""
        try:
            self.spool.clear(refused=refused)
        except CouldNotTell as stuck:
            log.error("%s", stuck.sentence)
        self.alerts.forget()

    def go_round(self, settings: Settings, away: PrintflowError, heartbeats: Heartbeats) -> Round:
        """Judge, spool and page without records."""
        self.rounds_away += 1
        with beating(heartbeats, settings, GUARD):
            held = self.known.told | held_in(self.alerts.events)
            look = look_away(settings, self.known, self.ledger, held)
            settle_away(settings, look, self.known, self.alerts)
            if self.rounds_away >= TOLD_AFTER_ROUNDS:
                self.alerts.keep(self.alerts.raised(settings, _alert(away)))
            delivery = self.alerts.deliver(settings)
        told = "; ".join(check.detail for check in delivery.checks)
        said = f"{away.what}; guard without records: {look.check.detail}; spool: {told}"
        (heartbeats.done if look.judged and heard(delivery) else heartbeats.failed)(settings, GUARD, said)
        heartbeats.failed(settings, OUTBOX, away.sentence)
        delivered = [check.outcome for check in delivery.checks]
        return Round(
            outcome=worst([look.check.outcome, *delivered, Outcome.UNKNOWN]) if look.judged else Outcome.UNKNOWN,
            said=said,
            again_in=INTERVAL_SECONDS,
            document={"records": away.what, GUARD: look.check.as_json(), "spool": delivery.as_json()},
        )


def _alert(away: PrintflowError) -> Alert:
    next_step = away.next_step or "bring the records database back"
    body = f"{away.what}. Paid orders are judged and paged without it; everything else waits.\nNext: {next_step}"
    return Alert(AWAY, Severity.CRITICAL, "The records database is away", body)
