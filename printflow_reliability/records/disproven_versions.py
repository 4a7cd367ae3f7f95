"""Versions whose bytes the policy of `files.heal_automatically` has read in vain, so that no later turn reads them.

What is kept is what was expected of them; where a row or the ledger expects something else since, they are read again.
"""

from collections.abc import Sequence

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.records.file_heals import Candidate

KEPT_DAYS = 90
"""After so long a version is read once more, and what no longer exists is forgotten."""
NOTE = """
INSERT INTO disproven_versions (bucket, key, version_id, expected) VALUES (%s, %s, %s, %s)
ON CONFLICT (bucket, key, version_id) DO UPDATE SET expected = excluded.expected, read_at = now()"""
END = "DELETE FROM disproven_versions WHERE read_at < now() - make_interval(days => %s)"
OF_KEYS = "SELECT key, version_id, expected FROM disproven_versions WHERE bucket = %s AND key = ANY(%s)"


def note(connection: psycopg.Connection[TupleRow], candidate: Candidate, version_id: str, expected: str) -> None:
    """A version of a missing object was read and is not what was expected."""
    connection.execute(NOTE, (candidate.bucket, candidate.key, version_id, expected))


def of_keys(
    connection: psycopg.Connection[TupleRow], bucket: str, keys: Sequence[str]
) -> frozenset[tuple[str, str, str]]:
    """Key, version id and what was expected, of those that were read of late."""
    connection.execute(END, (KEPT_DAYS,))
    return frozenset(connection.execute(OF_KEYS, (bucket, list(keys))).fetchall())
