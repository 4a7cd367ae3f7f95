"""What the ledger knows of the bytes: the sha256 of current versions, read beside a listing and in its order."""

from collections.abc import Generator, Iterator

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from printflow_reliability.storage.objects import ObjectHead

LEDGER = 'SELECT key COLLATE "C", etag, sha256 FROM print_files WHERE bucket = {} ORDER BY 1'


class KnownContent:
    """The ledger's checksums of one bucket. Ask for keys in byte order only: it reads on and never back."""

    def __init__(self, rows: Iterator[tuple[str, str, str]]) -> None:
        self._rows = rows
        self._next = next(rows, None)
        self._key = ""
        self._known: dict[str, str] = {}

    def sha256(self, key: str, etag: str) -> str | None:
        """The sha256 of the object's content, lower-case hex, or None if that content was never read."""
        if key != self._key:
            self._key, self._known = key, {}
        while self._next is not None and self._next[0] <= key:
            if self._next[0] == key:
                self._known[self._next[1].strip('"')] = self._next[2].lower()
            self._next = next(self._rows, None)
        return self._known.get(etag)


def read_ledger(connection: psycopg.Connection[TupleRow], bucket: str) -> Generator[tuple[str, str, str], None, None]:
    """(key, etag, sha256) of every version the ledger knows of a bucket, in the byte order of the keys."""
    query = sql.SQL("COPY ({}) TO STDOUT").format(sql.SQL(LEDGER).format(sql.Literal(bucket)))
    with connection.cursor().copy(query) as copy:
        for key, etag, sha256 in copy.rows():
            yield str(key), str(etag), str(sha256)


class Checksums:
    """The ledger's checksums of single versions, for the confirmation."""

    def __init__(self, connection: psycopg.Connection[TupleRow]) -> None:
        self._connection = connection

    def of(self, bucket: str, key: str, there: ObjectHead) -> str | None:
        """The sha256 of exactly this version, or None if it was never read."""
        row = self._connection.execute(
            "SELECT lower(sha256) FROM print_files WHERE bucket = %s AND key = %s AND version_id = %s AND etag = %s",
            (bucket, key, there.version_id, there.etag),
        ).fetchone()
        return str(row[0]) if row else None
