"""Looking at the WAL archive of one repository: what is listed, which backups need it, and what that means.

Production is asked before the repository, so that what it called archived must be in the listing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from printflow_reliability.backups.acknowledgements import Acknowledgement
from printflow_reliability.backups.archive import ArchiveFolder, parse_archive
from printflow_reliability.backups.archiver import Archiver
from printflow_reliability.backups.clusters import TROUBLE, ClusterVerdict
from printflow_reliability.backups.continuity import Continuity, Gap, verify_continuity
from printflow_reliability.backups.identity import newest_identity, no_backup_of
from printflow_reliability.backups.info import STATUS_MISSING_DATA, STATUS_MISSING_STANZA, STATUS_NO_BACKUPS, Backup
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import known_segment_bytes
from printflow_reliability.backups.timeline import lineage, parse_history
from printflow_reliability.backups.verification import Verification
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.text import counted

SECOND_LOOK_SECONDS = 2
"""Asynchronous pushes overtake each other, and an expiry removes WAL after its backup: what seems to be missing is
looked at again after this long."""


@dataclass(frozen=True)
class ArchiveContext:
    """What is known besides the repository.

    Attributes:
        archiver: production's archiving; None while it is away.
        accepted: gaps that a person acknowledged.
        wal_days: for how many days WAL is kept for every moment (`backups.retention.wal_days`).
        verification: what was verified of the repository. What it found damaged counts as not there; None: all that is
            listed counts.
    """

    archiver: Archiver | None = None
    accepted: Sequence[Acknowledgement] = ()
    wal_days: float | None = None
    verification: Verification | None = None


@dataclass(frozen=True)
class RepositoryWal:
    """The archive of one repository.

    Attributes:
        repository: its number.
        walks: one for each cluster in the stanza's history that has backups.
        problems: what is wrong with the archive as a whole.
        unknown: what could not be judged; what is wrong besides is certain.
        own: the walk of production's own WAL; None if there is no backup of it.
        asked: whether production told which of them is its own; otherwise the newest is taken for it.
    """

    repository: int
    walks: tuple[Continuity, ...] = ()
    problems: tuple[str, ...] = ()
    unknown: PrintflowError | None = None
    own: Continuity | None = None
    asked: bool = True

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """All gaps, acknowledged or not."""
        return tuple(gap for walk in self.walks for gap in walk.gaps)

    @property
    def open_gaps(self) -> tuple[Gap, ...]:
        """The gaps that nobody accepted."""
        return tuple(gap for gap in self.gaps if gap.acknowledged is None)

    @property
    def damaged(self) -> tuple[str, ...]:
        """Segments that are there, but not as they should be."""
        return tuple(damage for walk in self.walks for damage in walk.damaged)

    @property
    def segments_checked(self) -> int:
        """Segments that should be there, and are."""
        return sum(walk.segments_checked for walk in self.walks)

    @property
    def recoverable_from(self) -> datetime | None:
        """The earliest moment from which any moment up to `recoverable_to` can be restored."""
        return self.own.recoverable_from if self.own else None

    @property
    def recoverable_to(self) -> datetime | None:
        """The newest moment that can be restored from this repository."""
        return self.own.recoverable_to if self.own else None

    @property
    def windows(self) -> tuple[tuple[datetime, datetime], ...]:
        """Every stretch of time of which any moment can be restored from this repository."""
        return self.own.windows if self.own else ()

    @property
    def verdict(self) -> Outcome:
        """The outcome of wal.continuity for this repository."""
        if self.open_gaps or self.damaged or self.problems:
            return Outcome.FAIL
        return Outcome.UNKNOWN if self.unknown else Outcome.PASS


def verify_repository_wal(pgbackrest: PgBackRest, repository: int, context: ArchiveContext) -> RepositoryWal:
    """Judge the archive of one repository; what cannot be judged is in `unknown`."""
    try:
        first = _look(pgbackrest, repository, context)
        if first.verdict is not Outcome.FAIL or not (first.open_gaps or first.damaged):
            return first
        time.sleep(SECOND_LOOK_SECONDS)
        return _look(pgbackrest, repository, context)
    except TROUBLE as failed:
        return RepositoryWal(repository, unknown=failed)


def verdict_of(cluster: str, found: RepositoryWal) -> ClusterVerdict:
    """The verdict of wal.continuity on one repository, in one sentence."""
    where = f"{cluster} repo{found.repository}"
    wrong = [f"{gap_words(gap)} missing" for gap in found.open_gaps]
    wrong += [*found.damaged, *found.problems]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        besides = f"; besides, not known: {found.unknown.what}" if found.unknown else ""
        return ClusterVerdict(Outcome.FAIL, f"{where}: {'; '.join(wrong[:3])}{more}{besides}")
    if found.unknown is not None:
        return ClusterVerdict.unknown(where, found.unknown)
    accepted = f", {counted(len(found.gaps), 'acknowledged gap')}" if found.gaps else ""
    unasked = "" if found.asked else f" (whether it is of {cluster} is not known: it did not answer)"
    return ClusterVerdict(
        Outcome.PASS, f"{where} whole, {counted(found.segments_checked, 'segment')}{accepted}{unasked}"
    )


def without_gaps(found: RepositoryWal, why: CouldNotTell) -> RepositoryWal:
    """The same where it cannot be told of the gaps whether they count; what else is wrong stays."""
    gaps = "; ".join(gap_words(gap) for gap in found.open_gaps)
    unknown = CouldNotTell(f"{why.what} (missing: {gaps})", why.next_step)
    return replace(
        found,
        walks=tuple(replace(walk, gaps=()) for walk in found.walks),
        own=replace(found.own, gaps=()) if found.own else None,
        unknown=unknown,
    )


def gap_words(gap: Gap) -> str:
    """A gap as a person reads it: "3 segments on timeline 1: 00000001000000020000004A .. 4C"."""
    where = f"{counted(gap.count, 'segment')} on timeline {gap.timeline}"
    if gap.count == 1:
        return f"{where}: {gap.first}"
    short = gap.last[-2:] if gap.last[:-2] == gap.first[:-2] else gap.last
    return f"{where}: {gap.first} .. {short}"


def _look(pgbackrest: PgBackRest, repository: int, context: ArchiveContext) -> RepositoryWal:
    archiver = context.archiver
    info = pgbackrest.info(repository)
    status = info.status_of(repository)
    if status.code in (STATUS_MISSING_STANZA, STATUS_MISSING_DATA):
        return RepositoryWal(repository, problems=(f"there is no stanza {info.name} ({status.message})",))
    if status.code == STATUS_NO_BACKUPS:
        return RepositoryWal(repository, problems=("there is no backup, so no WAL is of use",))
    backups = info.in_repository(repository)
    if not backups:
        raise pgbackrest.unreadable(status)
    identity = newest_identity(info, repository, archiver.system_identifier if archiver else None)
    own_ids = {backup.archive_id for backup in info.of_cluster(repository, identity)}
    current = max(own_ids, key=_history_id, default=None)
    folders = parse_archive(pgbackrest.repo_ls(f"archive/{info.name}", repository))
    problems = [] if own_ids else [no_backup_of(pgbackrest.cluster.name, info, repository, identity)]
    walks: dict[str, Continuity] = {}
    unknown: PrintflowError | None = None
    for archive_id in sorted({backup.archive_id for backup in backups}, key=_history_id):
        # Production writes one of them; those of former clusters stand still.
        asked = archiver if archive_id == current else None
        folder = folders.get(archive_id, ArchiveFolder(archive_id))
        of_archive = [backup for backup in backups if backup.archive_id == archive_id]
        problems += _foreign(folder, asked)
        try:
            walks[archive_id] = _walk(pgbackrest, repository, folder, of_archive, replace(context, archiver=asked))
        except TROUBLE as failed:
            unknown = unknown or failed
    own = walks.get(current) if current is not None else None
    return RepositoryWal(
        repository, tuple(walks.values()), tuple(problems), unknown, own=own, asked=archiver is not None
    )


def _walk(
    pgbackrest: PgBackRest,
    repository: int,
    folder: ArchiveFolder,
    backups: Sequence[Backup],
    context: ArchiveContext,
) -> Continuity:
    archiver = context.archiver
    names = [*folder.segments, *(name for backup in backups for name in (backup.wal_start, backup.wal_stop) if name)]
    try:
        segment_bytes = archiver.segment_bytes if archiver else known_segment_bytes(_placed(backups), names)
        if segment_bytes is None:
            raise CouldNotTell(
                f"the size of the WAL segments in {folder.archive_id} is not known while {pgbackrest.cluster.name} "
                "is away",
                f"when {pgbackrest.cluster.name} can be reached: printflow wal verify {pgbackrest.cluster.name}",
            )
        timeline = (archiver.timeline if archiver else None) or _newest_timeline(folder, names)
        histories = {}
        if (path := folder.histories.get(timeline)) is not None:
            text = pgbackrest.repo_get(f"archive/{pgbackrest.cluster.stanza}/{path}", repository)
            histories[timeline] = parse_history(text)
        history = lineage(timeline, histories, segment_bytes)
        if context.verification:
            folder, backups = context.verification.without_damage(folder, backups)
        return verify_continuity(
            folder,
            backups,
            history,
            segment_bytes,
            archived_to=archiver.archived_to if archiver else None,
            acknowledged=[acknowledgement.segments(segment_bytes) for acknowledgement in context.accepted],
            wal_days=context.wal_days,
        )
    except ValueError as impossible:
        raise CouldNotTell(
            f"the archive {folder.archive_id} cannot be walked: {impossible}", "is it the archive of this cluster?"
        ) from None


def _placed(backups: Sequence[Backup]) -> list[tuple[str, str]]:
    """Names of segments that backups need, each with a position in it."""
    return [
        (name, lsn)
        for backup in backups
        for name, lsn in ((backup.wal_start, backup.lsn_start), (backup.wal_stop, backup.lsn_stop))
        if name and lsn
    ]


def _newest_timeline(folder: ArchiveFolder, names: Sequence[str]) -> int:
    return max([*folder.histories, *(int(name[:8], 16) for name in names)])


def _foreign(folder: ArchiveFolder, archiver: Archiver | None) -> list[str]:
    """Timelines that production does not write, newer than its own: a restore to the end of WAL would follow them."""
    if archiver is None or archiver.timeline is None:
        return []
    seen = {*folder.histories, *(int(name[:8], 16) for name in folder.segments)}
    return [
        f"timeline {timeline} is not production's, which writes timeline {archiver.timeline}: a clone archived into it"
        for timeline in sorted(seen)
        if timeline > archiver.timeline
    ]


def _history_id(archive_id: str) -> int:
    """The number after the dash of "15-1": it grows with each major upgrade."""
    number = archive_id.rpartition("-")[2]
    return int(number) if number.isdigit() else 0
