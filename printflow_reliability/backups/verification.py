"""What is known of stored bytes: the newest verification of each repository, kept in the records.

Retention lets nothing expire that newer, verified backups do not replace, and the recoverable window calls nothing
restorable whose bytes nobody read. Both ask here, backup by backup and segment by segment.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.backups.archive import ArchiveFolder
from printflow_reliability.backups.info import Backup, StanzaInfo
from printflow_reliability.backups.verify_report import VerifyReport

KEEP = """
INSERT INTO repository_verifications (cluster, repository, began_at, sound, damaged, damaged_wal, wal_whole)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (cluster, repository) DO UPDATE SET began_at = excluded.began_at, sound = excluded.sound,
    damaged = excluded.damaged, damaged_wal = excluded.damaged_wal, wal_whole = excluded.wal_whole
WHERE excluded.began_at >= repository_verifications.began_at OR repository_verifications.began_at > now()
"""
"""One from the future, which a wrong clock wrote, gives way as well."""
NEWEST = """
SELECT began_at, sound, damaged, damaged_wal, wal_whole FROM repository_verifications
WHERE cluster = %s AND repository = %s
"""
_SEGMENT = re.compile(r"(?<![0-9A-F])[0-9A-F]{24}(?![0-9A-F])")


@dataclass(frozen=True)
class Verification:
    """What one verification of one repository read.

    Attributes:
        began_at: what was stored before this was read (UTC, our own clock).
        sound, damaged: labels of base backups.
        damaged_wal: names of segments.
        wal_whole: False where something of the archive is damaged that has no name.
        partial: not all could be read, so only what is damaged is certain.
    """

    began_at: datetime
    sound: frozenset[str] = frozenset()
    damaged: frozenset[str] = frozenset()
    damaged_wal: frozenset[str] = frozenset()
    wal_whole: bool = True
    partial: bool = False

    def without_damage(
        self, folder: ArchiveFolder, backups: Sequence[Backup]
    ) -> tuple[ArchiveFolder, tuple[Backup, ...]]:
        """An archive and its backups as far as they can be restored from: damaged segments count as not there.

        Where damage of the archive has no name, none of its segments counts.
        """
        sound = {} if not self.wal_whole else folder.segments
        left = {name: segment for name, segment in sound.items() if name not in self.damaged_wal}
        marked = tuple(replace(b, error=True) if b.label in self.damaged else b for b in backups)
        return replace(folder, segments=left), marked


def verification_of(report: VerifyReport, stayed: Iterable[str], began_at: datetime) -> Verification:
    """What a report proves of the backups that were there before and after it."""
    labels = frozenset(stayed)
    # Of files that could not be fetched nothing is known, and they are missing from the counts.
    partial = bool(report.unreadable) or report.not_understood is not None
    valid = {b.label for b in report.backups if b.status == "valid" and b.checked == b.valid and b.checked}
    # A file that was read and is bad is certain, also a manifest of which pgBackRest still has a copy.
    damaged = {label for label in labels for bad in report.bad_files if bad.name.startswith(f"{label}/")}
    if not partial:
        damaged |= labels - valid
    # Bookkeeping that cannot be used at all takes everything with it.
    unusable = " ".join(report.unusable)
    if "backup.info" in unusable:
        damaged |= labels
    named = frozenset(name for bad in report.bad_files for name in _SEGMENT.findall(bad.name))
    unnamed = any(archive.checked != archive.valid for archive in report.archives) and not named
    return Verification(
        began_at,
        sound=frozenset() if partial else labels - damaged,
        damaged=frozenset(damaged),
        damaged_wal=named,
        wal_whole=not (unnamed or "archive.info" in unusable),
        partial=partial,
    )


def stayed(before: StanzaInfo, after: StanzaInfo, repository: int) -> frozenset[str]:
    """Labels of the backups that were in a repository all the while."""
    first, last = ({backup.label for backup in info.in_repository(repository)} for info in (before, after))
    return frozenset(first & last)


def keep_verification(
    records: psycopg.Connection[TupleRow], cluster: str, repository: int, found: Verification
) -> None:
    """Keep a verification as the newest of its repository; one that is partial adds what it found to the one before."""
    if found.partial:
        known = newest_verification(records, cluster, repository)
        if known is None or not (found.damaged or found.damaged_wal or not found.wal_whole):
            return
        found = replace(
            known,
            sound=known.sound - found.damaged,
            damaged=known.damaged | found.damaged,
            damaged_wal=known.damaged_wal | found.damaged_wal,
            wal_whole=known.wal_whole and found.wal_whole,
        )
    lists = [sorted(names) for names in (found.sound, found.damaged, found.damaged_wal)]
    records.execute(KEEP, (cluster, repository, found.began_at, *lists, found.wal_whole))


def newest_verification(records: psycopg.Connection[TupleRow], cluster: str, repository: int) -> Verification | None:
    """The newest verification of a repository; None if there was none."""
    row = records.execute(NEWEST, (cluster, repository)).fetchone()
    if row is None:
        return None
    began_at, sound, damaged, damaged_wal, wal_whole = row
    return Verification(began_at, frozenset(sound), frozenset(damaged), frozenset(damaged_wal), wal_whole)
