"""What a pass comes to: the report on the repository, its ledger from now on, and how old what is known of it is.

No I/O here. Backups that expired while the pass ran, and WAL that no backup needs any more, are nobody's loss.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from printflow_reliability.backups.acknowledgements import Acknowledgement
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.ledger.entries import LedgerEntry
from printflow_reliability.backups.ledger.manifest import StoredFile
from printflow_reliability.backups.ledger.needed import is_needed
from printflow_reliability.backups.ledger.plan import MANIFESTS, MISSING, Plan, Stored, is_segment, segment_name
from printflow_reliability.backups.ledger.rotation import PASS_EVERY
from printflow_reliability.backups.listing import RepositoryFile
from printflow_reliability.backups.verify_report import BadFile, VerifiedArchive, VerifiedBackup, VerifyReport


@dataclass(frozen=True)
class Limits:
    """What a pass holds a repository to.

    Attributes:
        began_at: when the pass began (UTC).
        reread: how long ago a file may have been read.
        accepted: gaps of the archive that a person acknowledged.
        wal_days: for how many days WAL is kept for every moment (`backups.retention.wal_days`).
    """

    began_at: datetime
    reread: timedelta
    accepted: Sequence[Acknowledgement] = ()
    wal_days: float | None = None


@dataclass(frozen=True)
class Reading:
    """What a pass read, and what is known of the bytes of a repository after it.

    Attributes:
        files_read, bytes_read: in this pass, manifests among them.
        bytes_good: of files that were read and found good, now or before, and lie there as they did.
        oldest: when the bytes that are unread for the longest were last read, or stored if they never were (UTC); None
            if nothing is stored. Bytes that are known to be damaged do not count.
        overdue: files that should have been read by now, and could not be.
    """

    files_read: int
    bytes_read: int
    bytes_good: int
    oldest: datetime | None
    overdue: int = 0


@dataclass
class Found:
    """What reading came to: good files, bad ones, and those that could not be fetched, with why."""

    good: dict[str, LedgerEntry] = field(default_factory=dict)
    bad: list[BadFile] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    bytes: int = 0


@dataclass(frozen=True)
class Seen:
    """All that a pass saw.

    Attributes:
        known: the ledger before it.
        plan, found: what was to be read, and what came of it.
        stored: what was listed.
        backups: those in the repository after it.
        lasting: labels of the backups that were there all the while.
    """

    known: Mapping[str, LedgerEntry]
    plan: Plan
    found: Found
    stored: Stored
    backups: Sequence[Backup]
    lasting: frozenset[str]


@dataclass(frozen=True)
class Conclusion:
    """The report, the whole ledger from now on, and the numbers."""

    report: VerifyReport
    ledger: tuple[LedgerEntry, ...]
    reading: Reading


def conclude(seen: Seen, limits: Limits) -> Conclusion:
    """Put together what a pass saw."""
    bad = _damage(seen, limits)
    ledger = tuple(_ledger(seen, {file.name for file in bad}))
    unreadable = tuple(f"{name} could not be read: {why}" for name, why in seen.found.unread.items())
    report = VerifyReport(
        "error" if bad else "ok",
        archives=_archives(seen, bad),
        backups=_backups(seen, bad),
        bad_files=bad,
        unreadable=unreadable,
    )
    return Conclusion(report, ledger, _reading(seen, limits, ledger))


def as_read(file: StoredFile, listed: RepositoryFile, at: datetime) -> LedgerEntry:
    """The entry of a file that was read and found good."""
    return LedgerEntry(file.name, listed.size, file.checksum, file.files, listed.modified_at, at)


def age_of(
    entries: Iterable[LedgerEntry], unread: Iterable[str], stored: Stored, limits: Limits
) -> tuple[datetime | None, int]:
    """When the bytes unread for the longest were last read or stored, and how many files are overdue.

    Args:
        entries: those of good files.
        unread: names of files that could not be read.
        stored: what is listed.
        limits: those of the pass.
    """
    good = {entry.name: entry.read_at for entry in entries if entry.read_at}
    times = list(good.values())
    overdue = sum(at + limits.reread < limits.began_at for at in times)
    for name in unread:
        listed = stored.get(name)
        if listed and name not in good:
            # What is new is read within the day.
            times.append(listed.modified_at)
            overdue += listed.modified_at + PASS_EVERY < limits.began_at
    return min(times, default=None), overdue


def _damage(seen: Seen, limits: Limits) -> tuple[BadFile, ...]:
    def counts(bad: BadFile) -> bool:
        if not is_segment(bad.name):
            return bad.name.partition("/")[0] in seen.lasting
        return bad.problem != MISSING or needed(bad.name)

    def needed(name: str) -> bool:
        return is_needed(name, seen.backups, limits.accepted, limits.wal_days)

    gone = [BadFile(entry.name, MISSING) for entry in seen.plan.gone_segments]
    bad = [file for file in (*seen.plan.bad, *seen.found.bad, *gone) if counts(file)]
    sums: dict[tuple[str, str], set[str]] = {}
    for name in seen.stored.segments:
        sums.setdefault((name.partition("/")[0], segment_name(name)), set()).add(name)
    twice = [name for (_, name), files in sums.items() if len(files) > 1]
    return (*bad, *(BadFile(name, "is stored twice with different contents") for name in twice))


def _ledger(seen: Seen, bad: set[str]) -> Iterable[LedgerEntry]:
    known, found = seen.known, seen.found
    good = {entry.name: entry for entry in seen.plan.good} | found.good
    for label in seen.lasting:
        for name in (f"{label}/{manifest}" for manifest in MANIFESTS):
            if entry := good.get(name) or known.get(name):
                # One that is bad is opened again by every pass, until it is as it was or the backup is gone.
                yield replace(entry, modified_at=None) if name in bad else entry
        for file in seen.plan.expected.get(label, ()):
            unread = known.get(file.name) if file.name not in bad else None
            never = LedgerEntry(file.name, file.size, file.checksum, file.files, None, None)
            yield good.get(file.name) or unread or never
    for name in seen.stored.segments:
        if entry := good.get(name) or (known.get(name) if name in found.unread else None):
            yield entry
    yield from (entry for entry in seen.plan.gone_segments if entry.name in bad)


def _reading(seen: Seen, limits: Limits, ledger: Sequence[LedgerEntry]) -> Reading:
    # As it was listed is how it was read: what changed meanwhile is read again by the next pass.
    good = [entry for entry in ledger if entry.is_good(seen.stored.get(entry.name))]
    unread = seen.found.unread
    before = [entry for name in unread if (entry := seen.known.get(name)) and entry.read_at]
    oldest, overdue = age_of([*good, *before], unread, seen.stored, limits)
    found = seen.found
    return Reading(
        files_read=len(found.good) + len(found.bad),
        bytes_read=found.bytes,
        bytes_good=sum(entry.size for entry in good if entry.name not in unread),
        oldest=oldest,
        overdue=overdue,
    )


def _archives(seen: Seen, bad: Sequence[BadFile]) -> tuple[VerifiedArchive, ...]:
    by_id: dict[str, list[str]] = {}
    for name in seen.stored.segments:
        by_id.setdefault(name.partition("/")[0], []).append(name)
    damaged = {file.name for file in bad}
    return tuple(
        VerifiedArchive(archive_id, len(names), len(names) - len(damaged.intersection(names)))
        for archive_id, names in by_id.items()
    )


def _backups(seen: Seen, bad: Sequence[BadFile]) -> tuple[VerifiedBackup, ...]:
    damaged = {file.name for file in bad}
    found = []
    for label in sorted({name.partition("/")[0] for name in seen.stored.backups} | seen.lasting):
        files = seen.plan.expected.get(label)
        if files is None:
            # Not known to `info`: pgBackRest calls one "in-progress" that has no manifest but the copy yet.
            done = f"{label}/{MANIFESTS[0]}" in seen.stored.backups
            found.append(VerifiedBackup(label, "valid" if done else "in-progress", 0, 0))
            continue
        checked = sum(file.files for file in files)
        wrong = sum(file.files for file in files if file.name in damaged)
        whole = not any(name.startswith(f"{label}/") for name in damaged)
        found.append(VerifiedBackup(label, "valid" if whole else "invalid", checked, checked - wrong))
    return tuple(found)
