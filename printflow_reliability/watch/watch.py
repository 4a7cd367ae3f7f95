"""The watch as a whole: with the records by lease, without them from its spool."""

from dataclasses import dataclass, field

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.errors import PrintflowError
from printflow_reliability.kept_connections import KeptConnections
from printflow_reliability.settings import Settings
from printflow_reliability.watch.away import StandIn
from printflow_reliability.watch.queue_looks import QueueLooks
from printflow_reliability.watch.round import Round, go_round


@dataclass
class Watch:
    """One process that watches.

    Attributes:
        holder: as whom it takes its leases.
        stand_in: its spool, and what it knows while the records are away; None where another process has the spool.
        once: whether it goes one round only.
        kept: its connections from one round to the next.
        queue_looks: what looks at the queues beside the rounds; in one round alone, the round itself does.
    """

    holder: str
    stand_in: StandIn | None
    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    once: bool = False
    kept: KeptConnections = field(default_factory=KeptConnections)
    queue_looks: QueueLooks = field(init=False)

    def __post_init__(self) -> None:
        self.queue_looks = QueueLooks(self.holder, self.heartbeats)

    def go_round(self, settings: Settings) -> Round:
        """One round, with the records or without them.

        Raises:
            PrintflowError: the records cannot be used, and another process has the spool.
        """
        if not self.once:
            self.queue_looks.begin_if_due(settings)
        with self.kept.used():
            if self.stand_in is None:
                return go_round(settings, self.holder, self.heartbeats, once=self.once)
            try:
                self.stand_in.learn(settings)
                gone = go_round(settings, self.holder, self.heartbeats, once=self.once)
            except PrintflowError as away:  # also where they answer and take no writes, as on a standby or a full disk
                return self.stand_in.go_round(settings, away, self.heartbeats)
            self.stand_in.stand_down()
            return gone
