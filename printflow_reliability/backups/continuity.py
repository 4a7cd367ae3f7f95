"""Is the archived WAL whole? The walk from the oldest backup to the newest WAL, over every promotion in between.

No I/O here: what is stored, which backups there are and what production says come in, the gaps come out. The rule
behind it is PostgreSQL's own: recovery looks for a segment on the newest timeline that can hold it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from printflow_reliability.backups.archive import ArchiveFolder
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.segment import Segment, parse_lsn, parse_segment
from printflow_reliability.backups.segment_times import Departure, SegmentTime, reached
from printflow_reliability.backups.timeline import TimelineSpan


@dataclass(frozen=True, order=True)
class SegmentRange:
    """Segments of one timeline, first to last, both included."""

    timeline: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many segments."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Acknowledged:
    """A gap that a person accepted, and why."""

    segments: SegmentRange
    reason: str


@dataclass(frozen=True)
class Gap:
    """Consecutive segments that are not in the archive.

    Attributes:
        timeline: of all of them.
        first, last: their names, both missing.
        count: how many are missing.
        acknowledged: the reason a person gave for accepting it; None if nobody did.
        before: to which moment the segment before the gap goes; None if there is none.
        after: the first moment that can be recovered again: the end of the first backup after the gap; None: none.
    """

    timeline: int
    first: str
    last: str
    count: int
    acknowledged: str | None = None
    before: datetime | None = None
    after: datetime | None = None


@dataclass(frozen=True)
class Continuity:
    """What one archive folder is worth.

    Attributes:
        segments_checked: segments that should be there, from the oldest backup on, and are.
        gaps: those that are not, in order.
        damaged: segments stored twice with different contents, and names that no segment can have.
        unusable_backups: labels of backups that lack WAL they need to become consistent.
        recoverable_from: the earliest end of a backup from which WAL is whole to the newest; None: there is none.
        recoverable_to: to which moment the newest segment goes; None if nothing can be recovered.
        windows: every stretch of time of which any moment can be restored, as first and last moment, in order.
        bases: the backups that the windows can be restored from.
        points: the backups that can be restored to their own end and no further.
        damaged_backups: labels of the backups that met bad pages, or of which stored bytes are damaged.
        times: of the segments that were checked, in their order.
        departures: one of each timeline that was left, as far as WAL from both sides of it is there.
    """

    segments_checked: int
    gaps: tuple[Gap, ...]
    damaged: tuple[str, ...]
    unusable_backups: tuple[str, ...]
    recoverable_from: datetime | None
    recoverable_to: datetime | None
    windows: tuple[tuple[datetime, datetime], ...] = ()
    bases: tuple[Backup, ...] = ()
    points: tuple[Backup, ...] = ()
    damaged_backups: tuple[str, ...] = ()
    times: tuple[SegmentTime, ...] = field(default=(), repr=False)
    departures: tuple[Departure, ...] = ()


@dataclass(frozen=True)
class _RequiredWal:
    """A backup and the WAL it needs to become consistent; `current`: all WAL after it is to be there too.

    Not so where its timeline was left, or where retention keeps WAL for younger backups only.
    """

    backup: Backup
    segments: SegmentRange
    current: bool


@dataclass(frozen=True)
class _Stored:
    """The segments that are there: to which moment each goes, and their numbers by timeline, in order."""

    times: Mapping[Segment, datetime]
    numbers: Mapping[int, Sequence[int]]

    def within(self, part: SegmentRange) -> Sequence[int]:
        numbers = self.numbers.get(part.timeline, ())
        return numbers[bisect_left(numbers, part.first) : bisect_left(numbers, part.last + 1)]

    def missing(self, part: SegmentRange) -> list[SegmentRange]:
        """The runs of a range that are not stored; a range a name of nonsense makes huge costs nothing."""
        runs = []
        position = part.first
        for number in (*self.within(part), part.last + 1):
            if number > position:
                runs.append(SegmentRange(part.timeline, position, number - 1))
            position = number + 1
        return runs


def verify_continuity(
    folder: ArchiveFolder,
    backups: Sequence[Backup],
    history: Sequence[TimelineSpan],
    segment_bytes: int,
    *,
    archived_to: Segment | None = None,
    acknowledged: Sequence[Acknowledged] = (),
    wal_days: float | None = None,
) -> Continuity:
    """Walk an archive folder from its oldest backup to its newest WAL.

    Args:
        folder: what is stored.
        backups: the backups that need it, all of this archive id.
        history: the stretches of timelines that lead to the current one.
        segment_bytes: the size of a segment.
        archived_to: the segment that production last saw archived before the folder was listed. All up to it must be
            there; what follows may be on its way, segments overtaking each other. None if production does not tell:
            then the newest segment that is there counts.
        acknowledged: gaps that a person accepted.
        wal_days: for how many days before the newest backup WAL is kept (`backups.retention.wal_days`); None: for all.

    Raises:
        ValueError: a backup's WAL cannot be named so at this segment size.
    """
    stored, damaged = _read(folder, segment_bytes)
    needs = [
        _need(backup, history, segment_bytes)
        for backup in sorted(backups, key=lambda backup: backup.finished_at)
        if backup.wal_start and backup.wal_stop  # an offline backup needs none
    ]
    stored_at = stored.times
    ends = [(Segment(n.segments.timeline, n.segments.last), n.backup.finished_at) for n in needs if n.current]
    stored = replace(stored, times=reached(stored_at, ends))
    needs = _kept_for(needs, wal_days)
    expected = _expected(history, stored, needs, archived_to)
    missing = {run for part in expected for run in stored.missing(part)}
    gap_starts = sorted(run.first for run in missing)
    last_gap = max((run.last for run in missing), default=-1)
    # A backup that nothing goes on from still needs its own WAL.
    missing |= {run for need in needs if not need.current for run in stored.missing(need.segments)}
    unusable = [need for need in needs if stored.missing(need.segments)]
    usable = [need for need in needs if need not in unusable and need.backup.error is not True]
    whole = [need for need in usable if need.current and need.segments.first > last_gap]
    checked = [Segment(part.timeline, number) for part in expected for number in stored.within(part)]
    return Continuity(
        segments_checked=len(checked),
        gaps=tuple(
            _gap(piece, reason, checked, stored, usable, segment_bytes)
            for run in sorted(missing)
            for piece, reason in split(run, acknowledged)
        ),
        damaged=damaged,
        unusable_backups=tuple(need.backup.label for need in unusable),
        recoverable_from=min((need.backup.finished_at for need in whole), default=None),
        recoverable_to=stored.times[checked[-1]] if whole and checked else None,
        windows=_windows([need for need in usable if need.current], gap_starts, checked, stored),
        bases=tuple(need.backup for need in usable if need.current),
        points=tuple(need.backup for need in usable if not need.current),
        damaged_backups=tuple(need.backup.label for need in needs if need.backup.error is True),
        times=tuple(SegmentTime(stored_at[segment], stored.times[segment]) for segment in checked),
        departures=tuple(_departures(history, stored, stored_at)),
    )


def split(gap: SegmentRange, acknowledged: Sequence[Acknowledged]) -> list[tuple[SegmentRange, str | None]]:
    """A gap cut where an acknowledgement begins or ends, each piece with the reason it was accepted for, if it was."""
    pieces: list[tuple[SegmentRange, str | None]] = []
    position = gap.first
    for acknowledgement in sorted(acknowledged, key=lambda acknowledgement: acknowledgement.segments):
        accepted = acknowledgement.segments
        if accepted.timeline != gap.timeline or accepted.last < position or accepted.first > gap.last:
            continue
        if accepted.first > position:
            pieces.append((SegmentRange(gap.timeline, position, accepted.first - 1), None))
            position = accepted.first
        last = min(accepted.last, gap.last)
        pieces.append((SegmentRange(gap.timeline, position, last), acknowledgement.reason))
        position = last + 1
    if position <= gap.last:
        pieces.append((SegmentRange(gap.timeline, position, gap.last), None))
    return pieces


def _read(folder: ArchiveFolder, segment_bytes: int) -> tuple[_Stored, tuple[str, ...]]:
    """The segments of a folder, and what is wrong with them."""
    times: dict[Segment, datetime] = {}
    damaged = []
    for name, stored in folder.segments.items():
        try:
            times[parse_segment(name, segment_bytes)] = stored.stored_at
        except ValueError as impossible:
            damaged.append(str(impossible))
        if len(stored.sha1) > 1:
            damaged.append(f"{name} is stored {len(stored.sha1)} times with different contents")
    numbers: dict[int, list[int]] = {}
    for segment in sorted(times):
        numbers.setdefault(segment.timeline, []).append(segment.number)
    return _Stored(times, numbers), tuple(damaged)


def _need(backup: Backup, history: Sequence[TimelineSpan], segment_bytes: int) -> _RequiredWal:
    start, stop = (parse_segment(name or "", segment_bytes) for name in (backup.wal_start, backup.wal_stop))
    stop_lsn = parse_lsn(backup.lsn_stop) if backup.lsn_stop else stop.number * segment_bytes
    current = any(
        stretch.timeline == start.timeline
        and stretch.first <= start.number
        and (stretch.switch_lsn is None or stop_lsn <= stretch.switch_lsn)
        for stretch in history
    )
    return _RequiredWal(backup, SegmentRange(start.timeline, start.number, stop.number), current)


def _kept_for(needs: Sequence[_RequiredWal], wal_days: float | None) -> list[_RequiredWal]:
    """The same, where older backups than those that WAL is kept for need their own WAL only."""
    if wal_days is None or not needs:
        return list(needs)
    limit = needs[-1].backup.finished_at - timedelta(days=wal_days)
    old_enough = [need.segments.first for need in needs if need.current and need.backup.finished_at <= limit]
    begin = max(old_enough, default=-1)
    return [replace(need, current=need.current and need.segments.first >= begin) for need in needs]


def _expected(
    history: Sequence[TimelineSpan], stored: _Stored, needs: Sequence[_RequiredWal], archived_to: Segment | None
) -> list[SegmentRange]:
    """What must be there: from the oldest backup's first segment to the newest that counts on the last timeline."""
    begins = [need.segments.first for need in needs if need.current]
    if not begins:
        return []
    newest = {timeline: numbers[-1] for timeline, numbers in stored.numbers.items()}
    if archived_to:
        newest[archived_to.timeline] = archived_to.number
    for need in needs:
        if need.current:
            timeline, last = need.segments.timeline, need.segments.last
            newest[timeline] = max(last, newest.get(timeline, -1))
    ranges = []
    for stretch in history:
        last = newest.get(stretch.timeline, -1) if stretch.end is None else stretch.end - 1
        first = max(min(begins), stretch.first)
        if first <= last:
            ranges.append(SegmentRange(stretch.timeline, first, last))
    return ranges


def _departures(
    history: Sequence[TimelineSpan], stored: _Stored, stored_at: Mapping[Segment, datetime]
) -> Iterator[Departure]:
    for old, new in pairwise(history):
        shared = [number for number in stored.numbers.get(old.timeline, ()) if number < new.first]
        since = [number for number in stored.numbers.get(new.timeline, ()) if number >= new.first]
        if shared and since:
            left = stored.times[Segment(old.timeline, shared[-1])]
            yield Departure(left, stored_at[Segment(new.timeline, since[0])])


def _windows(
    needs: Sequence[_RequiredWal], gaps: Sequence[int], checked: Sequence[Segment], stored: _Stored
) -> tuple[tuple[datetime, datetime], ...]:
    """From the end of the first backup after a gap to the last segment before the next."""
    windows: dict[datetime, datetime] = {}
    for need in needs:
        next_gap = gaps[bisect_left(gaps, need.segments.first) :][:1]
        reached = (
            checked[: bisect_left(checked, next_gap[0], key=lambda segment: segment.number)] if next_gap else checked
        )
        if reached:
            end = max(stored.times[reached[-1]], need.backup.finished_at)
            windows[end] = min(need.backup.finished_at, windows.get(end, end))
    return tuple((first, last) for last, first in sorted(windows.items()))


def _gap(
    run: SegmentRange,
    reason: str | None,
    checked: Sequence[Segment],
    stored: _Stored,
    usable: Sequence[_RequiredWal],
    segment_bytes: int,
) -> Gap:
    """A gap with what it means in time."""
    earlier = checked[: bisect_left(checked, run.first, key=lambda segment: segment.number)]  # numbers only grow
    later = [need.backup.finished_at for need in usable if need.segments.first > run.last]
    return Gap(
        run.timeline,
        Segment(run.timeline, run.first).name(segment_bytes),
        Segment(run.timeline, run.last).name(segment_bytes),
        run.count,
        reason,
        stored.times[earlier[-1]] if earlier else None,
        min(later, default=None),
    )
