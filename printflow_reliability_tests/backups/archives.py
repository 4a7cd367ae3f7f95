"""Archives and backups made up for tests of the walk."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from printflow_reliability.backups.archive import ArchiveFolder, StoredSegment
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.segment import DEFAULT_SEGMENT_BYTES, Segment

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
SHA1 = "0123456789abcdef0123456789abcdef01234567"


def at(number: int) -> datetime:
    """When the segment of that number was stored: one a minute."""
    return BEGIN + timedelta(minutes=number)


def folder(
    segments: Iterable[Segment], size: int = DEFAULT_SEGMENT_BYTES, twice: Collection[Segment] = ()
) -> ArchiveFolder:
    """An archive folder holding these segments."""
    return ArchiveFolder(
        "15-1",
        {
            segment.name(size): StoredSegment(
                segment.name(size), frozenset({SHA1, SHA1[::-1]} if segment in twice else {SHA1}), at(segment.number)
            )
            for segment in segments
        },
    )


def backup(
    start: int, stop: int, *, timeline: int = 1, size: int = DEFAULT_SEGMENT_BYTES, error: bool = False
) -> Backup:
    """A backup that needs these segments, done when the last of them was stored."""
    return Backup(
        label=f"backup-{timeline}-{start}",
        type="full",
        repository=1,
        archive_id="15-1",
        started_at=at(start),
        finished_at=at(stop),
        database_bytes=1000,
        repository_bytes=100,
        error=error,
        wal_start=Segment(timeline, start).name(size),
        wal_stop=Segment(timeline, stop).name(size),
    )


def timeline(number: int, first: int, last: int) -> list[Segment]:
    """Segments of one timeline, first to last."""
    return [Segment(number, segment) for segment in range(first, last + 1)]
