"""Gaps in the archive that nobody can repair, accepted by a person with a reason: kept in the records, always shown."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.backups.continuity import Acknowledged, SegmentRange
from printflow_reliability.backups.segment import parse_segment
from printflow_reliability.errors import ConfigError


@dataclass(frozen=True)
class Acknowledgement:
    """An accepted gap as the records keep it: names of its first and last segment, why, and when (UTC)."""

    cluster: str
    first: str
    last: str
    reason: str
    acknowledged_at: datetime | None = None

    def require_gap(self) -> None:
        """Refuse what cannot be a gap, or has no reason.

        Raises:
            ConfigError: the segments are of two timelines, or in the wrong order, or there is no reason.
        """
        if self.first[:8] != self.last[:8] or self.last < self.first:
            raise ConfigError(
                f"{self.first} .. {self.last} is not a gap",
                "name its first and last segment in this order, both of one timeline",
            )
        if not self.reason.strip():
            raise ConfigError("an acknowledgement needs a reason", 'add --reason "why nobody can repair this gap"')

    def segments(self, segment_bytes: int) -> Acknowledged:
        """The range it covers at this segment size.

        Raises:
            ValueError: a name is impossible at this size.
        """
        first, last = parse_segment(self.first, segment_bytes), parse_segment(self.last, segment_bytes)
        return Acknowledged(SegmentRange(first.timeline, first.number, last.number), self.reason)


def acknowledgements(connection: psycopg.Connection[TupleRow], cluster: str) -> tuple[Acknowledgement, ...]:
    """The accepted gaps of a cluster."""
    rows = connection.execute(
        """SELECT first_segment, last_segment, reason, acknowledged_at FROM acknowledged_gaps
           WHERE cluster = %s ORDER BY first_segment, last_segment""",
        (cluster,),
    ).fetchall()
    return tuple(Acknowledgement(cluster, *row) for row in rows)


def acknowledge(connection: psycopg.Connection[TupleRow], accepted: Acknowledgement) -> None:
    """Accept a gap; accepting it again changes the reason.

    Raises:
        ConfigError: it cannot be a gap, or has no reason.
    """
    accepted.require_gap()
    connection.execute(
        """INSERT INTO acknowledged_gaps (cluster, timeline, first_segment, last_segment, reason)
           VALUES (%s, %s, %s, %s, %s)
           ON CONFLICT (cluster, timeline, first_segment, last_segment) DO UPDATE
           SET reason = excluded.reason, acknowledged_at = now()""",
        (accepted.cluster, int(accepted.first[:8], 16), accepted.first, accepted.last, accepted.reason.strip()),
    )
