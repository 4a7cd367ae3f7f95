"""To which moment the WAL of a segment goes: a repository tells only when it was stored, which may be much later.

Where a repository was copied into another bucket, or brought back, every segment looks as young as its copy. But a
backup that ended in a later segment proves that all earlier ones had been written, and stored, by its end.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.segment import Segment
from printflow_reliability.moments import is_ahead


@dataclass(frozen=True)
class SegmentTime:
    """When a segment was stored, and the moment that replaying it surely reaches."""

    stored_at: datetime
    reaches: datetime


@dataclass(frozen=True)
class Departure:
    """Where production left a timeline, at a promotion: what went on there afterwards is not in today's history.

    Attributes:
        left: the moment that replaying the last segment both have in common reaches.
        seen_at: when the first segment of the next timeline was stored.
    """

    left: datetime
    seen_at: datetime


def reached(stored: Mapping[Segment, datetime], backups: Iterable[tuple[Segment, datetime]]) -> dict[Segment, datetime]:
    """The moment that replaying each segment reaches: when it was stored or, if that cannot be, the end of a backup.

    Args:
        stored: when each was stored.
        backups: the last segment that a backup needs, and when the backup ended; of one history only.
    """
    ends = sorted((segment.number, at) for segment, at in backups)
    numbers = [number for number, _ in ends]
    earliest = [at for _, at in ends]
    for position in range(len(earliest) - 2, -1, -1):
        earliest[position] = min(earliest[position], earliest[position + 1])
    found = {}
    for segment, at in stored.items():
        later = bisect_right(numbers, segment.number)
        limit = earliest[later] if later < len(earliest) else at
        if is_ahead(at, limit):
            # It is a copy. Where between the two backups its own moment lies, nobody knows.
            limit = min(limit, ends[later - 1][1]) if later else limit
        found[segment] = min(at, limit)
    return found


def read_to(segments: Sequence[SegmentTime], moment: datetime) -> datetime | None:
    """Up to which moment all WAL was stored before another moment, which it is where no newer WAL is there.

    None if none of it was.

    Args:
        segments: in the order of the history.
        moment: such as when a verification began.
    """
    found: datetime | None = None
    for segment in segments:
        if segment.stored_at > moment:
            return found
        found = segment.reaches
    return moment
