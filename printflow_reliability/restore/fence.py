"""The fence: a restore point in a cluster, and what every logged table held at that moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from printflow_reliability.restore.counts import Counts, Digests
from printflow_reliability.restore.gaps import Gaps
from printflow_reliability.restore.inventory import Inventory
from printflow_reliability.restore.production import Production


@dataclass(frozen=True)
class Fence:
    """A restore point that a clone must stop at and agree with.

    Attributes:
        cluster: where it was made.
        name: the restore point's name in the WAL.
        taken_at: on the cluster's own clock.
        timeline: the timeline it lies on.
        lsn: where the record of the restore point ends.
        end_lsn: where the segment that holds it was ended, so that it could be archived.
        segment: that segment's name.
        counts: rows by database and table; None if production was never quiet long enough to count exactly.
        digests: of the contents of the tables that are small enough.
        production: who the cluster was, for drills that cannot ask it.
        inventory: its databases, extensions and roles.
        open_transactions: ids of those that were open. The counts are without them, and hold for a clone in which none
            of them had committed.
        gaps: what could not be counted, and why.
    """

    cluster: str
    name: str
    taken_at: datetime
    timeline: int
    lsn: str
    end_lsn: str
    segment: str
    counts: Counts | None
    digests: Digests | None
    production: Production
    inventory: Inventory = field(default_factory=dict)
    open_transactions: Sequence[int] = ()
    gaps: Gaps = field(default_factory=Gaps)

    @property
    def tables(self) -> int:
        """How many tables were counted."""
        return sum(len(tables) for tables in (self.counts or {}).values())

    @property
    def rows(self) -> int:
        """How many rows they held."""
        return sum(sum(tables.values()) for tables in (self.counts or {}).values())
