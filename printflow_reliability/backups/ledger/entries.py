"""The ledger in the records: each stored file of a repository, and when it was read and found good."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.backups.listing import RepositoryFile

KNOWN = """
SELECT name, size, checksum, files, modified_at, read_at FROM repository_files WHERE cluster = %s AND repository = %s
"""
KEEP = """
INSERT INTO repository_files (cluster, repository, name, size, checksum, files, modified_at, read_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (cluster, repository, name) DO UPDATE SET size = excluded.size, checksum = excluded.checksum,
    files = excluded.files, modified_at = excluded.modified_at, read_at = excluded.read_at
"""
FORGET = "DELETE FROM repository_files WHERE cluster = %s AND repository = %s AND name = ANY(%s)"


@dataclass(frozen=True)
class LedgerEntry:
    """A file of a repository as it was when it was read.

    Attributes:
        name: below the stanza's backups or archive.
        size: stored bytes.
        checksum: what it was compared with; None where pgBackRest alone could do that.
        files: the files of the cluster in it; a bundle has many.
        modified_at: the time that the listing gave it (UTC); None if it was not there.
        read_at: when it was last read and found good (UTC); None if never, or not any more.
    """

    name: str
    size: int
    checksum: str | None
    files: int
    modified_at: datetime | None
    read_at: datetime | None

    def is_good(self, listed: RepositoryFile | None) -> bool:
        """Whether what is listed is what was read and found good."""
        return (
            self.read_at is not None
            and listed is not None
            and (listed.size, listed.modified_at) == (self.size, self.modified_at)
        )


def known_files(records: psycopg.Connection[TupleRow], cluster: str, repository: int) -> dict[str, LedgerEntry]:
    """The ledger of a repository, by name."""
    return {row[0]: LedgerEntry(*row) for row in records.execute(KNOWN, (cluster, repository))}


def keep_files(
    records: psycopg.Connection[TupleRow], cluster: str, repository: int, entries: Mapping[str, LedgerEntry | None]
) -> None:
    """Keep entries of a ledger, by name; None forgets a file that is no longer stored, and need not be."""
    kept = [entry for entry in entries.values() if entry]
    with records.transaction(), records.cursor() as cursor:
        cursor.execute(FORGET, (cluster, repository, [name for name, entry in entries.items() if entry is None]))
        cursor.executemany(KEEP, [(cluster, repository, *_row(entry)) for entry in kept])


def changed(before: Mapping[str, LedgerEntry], after: Iterable[LedgerEntry]) -> dict[str, LedgerEntry | None]:
    """What has to be kept where a ledger becomes another one."""
    left: dict[str, LedgerEntry | None] = dict.fromkeys(before)
    for entry in after:
        left.pop(entry.name, None)
        if before.get(entry.name) != entry:
            left[entry.name] = entry
    return left


def _row(entry: LedgerEntry) -> tuple[object, ...]:
    return entry.name, entry.size, entry.checksum, entry.files, entry.modified_at, entry.read_at
