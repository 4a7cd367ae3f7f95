"""What the ledger is after pgBackRest itself has read a repository whole."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.ledger.due_pass import list_stored
from printflow_reliability.backups.ledger.entries import LedgerEntry
from printflow_reliability.backups.ledger.manifest import StoredFile
from printflow_reliability.backups.ledger.outcome import Limits, Reading, age_of, as_read
from printflow_reliability.backups.ledger.plan import Stored, manifest_files, segment_file, segment_name
from printflow_reliability.backups.ledger.reading import Reader, WholeNeeded
from printflow_reliability.backups.listing import RepositoryFile
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.pgbackrest_program import ASK_SECONDS
from printflow_reliability.backups.verification import Verification
from printflow_reliability.backups.verify_report import VerifyReport


@dataclass(frozen=True)
class WholeRead:
    """A repository that was read whole.

    Attributes:
        pgbackrest, repository: what was read.
        listed: what was there before.
        verification: what was found, backup by backup and segment by segment.
        report: what pgBackRest said.
        files: how many pgBackRest compared.
    """

    pgbackrest: PgBackRest
    repository: int
    listed: Stored
    verification: Verification
    report: VerifyReport
    files: int

    def doubtful(self, label: str, own: frozenset[str]) -> frozenset[str]:
        """Which files of a backup were not found good.

        Args:
            label: the backup's.
            own: the names of its files. A part of a bundle has none here, so that all of them are in doubt.
        """
        if label in self.verification.sound:
            return frozenset()
        bad = frozenset(file.name for file in self.report.bad_files if file.name.startswith(f"{label}/"))
        counted = sum(backup.checked - backup.valid for backup in self.report.backups if backup.label == label)
        return bad if bad and len(bad) == counted and bad <= own else own


def ledger_of(whole: WholeRead, limits: Limits) -> tuple[LedgerEntry, ...]:
    """The ledger after it.

    Raises:
        CouldNotTell: the repository could not be asked what is there now.
    """
    now = list_stored(whole.pgbackrest, whole.repository)
    return tuple(_entries(whole, now, limits.began_at))


def reading_of(whole: WholeRead, ledger: Iterable[LedgerEntry], limits: Limits) -> Reading:
    """The numbers of it.

    Args:
        whole: what was read.
        ledger: the one after it; the one before it where not all could be read.
        limits: those of the pass.
    """
    good = [entry for entry in ledger if entry.is_good(whole.listed.get(entry.name))]
    oldest, overdue = age_of(good, (), whole.listed, limits)
    return Reading(whole.files, whole.listed.bytes, sum(entry.size for entry in good), oldest, overdue)


def _entries(whole: WholeRead, now: Stored, at: datetime) -> Iterable[LedgerEntry]:
    reader = Reader(whole.pgbackrest, whole.repository, time.monotonic() + ASK_SECONDS)
    found = whole.verification
    for label in sorted(found.sound | found.damaged):
        try:
            manifest = reader.manifest(label)
        except WholeNeeded:
            continue  # the next pass tries again, and reads the repository whole as long as it is so
        own = [(file, now.backups.get(file.name)) for file in manifest.files]
        doubtful = whole.doubtful(label, frozenset(file.name for file, _ in own))
        for file, listed in (*own, *manifest_files(label, manifest, now)):
            yield _entry(file, listed, whole.listed.backups, None if file.name in doubtful else at)
    for listed in now.segments.values():
        if found.wal_whole and segment_name(listed.name) not in found.damaged_wal:
            yield _entry(segment_file(listed), listed, whole.listed.segments, at)


def _entry(
    file: StoredFile, listed: RepositoryFile | None, before: Mapping[str, RepositoryFile], at: datetime | None
) -> LedgerEntry:
    """One file: what was there before and is there in the same way was read."""
    if at and listed and before.get(file.name) == listed:
        return as_read(file, listed, at)
    return LedgerEntry(file.name, file.size, file.checksum, file.files, None, None)
