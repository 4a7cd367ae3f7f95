"""What was brought back, and by whom: a person's command, or the policy of `files.heal_automatically`.

A row is made before the object is written, so that a heal that was killed in between is known of as well.
The policy's candidates are asked for here too, so that a million findings never come into this process.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.findings import Severity

BEGIN = """
INSERT INTO file_heals (bucket, key, tenant, source, version_id, bytes, automatic)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id"""
FINISH = "UPDATE file_heals SET healed_at = now(), new_version_id = %s, sha256 = %s WHERE id = %s"
FORGET = "DELETE FROM file_heals WHERE id = %s AND new_version_id IS NULL"
_OPEN = """
FROM lasting_findings WHERE resolved_at IS NULL AND acknowledged_at IS NULL AND kind = 'missing_restorable'
AND severity <> 'info' AND right(key, 1) <> '/' AND (%(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s))"""
CANDIDATES = f"""
SELECT bucket, key, tenant, owner, urgency FROM (
    SELECT bucket COLLATE "C" AS bucket, key COLLATE "C" AS key, (array_agg(tenant ORDER BY id))[1] AS tenant,
    (array_agg(owner ORDER BY id))[1] AS owner, -max(array_position(%(ranks)s::text[], severity)) AS urgency {_OPEN}
    GROUP BY 1, 2) AS missing
WHERE %(urgency)s::integer IS NULL OR (urgency, bucket, key) > (%(urgency)s::integer, %(bucket)s::text, %(key)s::text)
ORDER BY urgency, bucket, key LIMIT %(page)s"""  # noqa: S608 - a constant of this module
HOW_MANY = f"SELECT count(DISTINCT (bucket, key)) {_OPEN}"
UNJUDGED = """
SELECT bucket, tenant, detail FROM lasting_findings
WHERE resolved_at IS NULL AND kind = 'unknown' AND key IS NULL AND (bucket IS NOT NULL OR reference IS NOT NULL)
ORDER BY id"""
# What a person began and did not end is no decision of a person.
NEWEST = """
SELECT DISTINCT ON (key) key, automatic, healed_at, CASE WHEN new_version_id IS NULL THEN version_id END
FROM file_heals WHERE bucket = %s AND key = ANY(%s) AND (automatic OR new_version_id IS NOT NULL)
ORDER BY key, id DESC"""
# Shorter than a day: a pass that begins a little earlier than that of the day before has the whole bound again.
OF_LATE = "SELECT count(*) FROM file_heals WHERE automatic AND healed_at > now() - interval '20 hours'"
LEDGER = "SELECT key, version_id, etag, lower(sha256), verdict FROM print_files WHERE bucket = %s AND key = ANY(%s)"
OF_KEYS = """
SELECT id FROM lasting_findings JOIN unnest(%s::text[], %s::text[]) AS back (bucket, key) USING (bucket, key)
WHERE resolved_at IS NULL AND kind = 'missing_restorable' ORDER BY id"""
STILL_MISSING = """
SELECT count(*) FROM lasting_findings WHERE resolved_at IS NULL AND acknowledged_at IS NULL AND severity <> 'info'
AND kind = ANY(%(kinds)s) AND (%(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s))"""


class Candidate(NamedTuple):
    """One missing object that has a copy."""

    bucket: str
    key: str
    tenant: str | None
    owner: str | None


class Unjudged(NamedTuple):
    """A whole query, tenant or bucket of which nothing was concluded; None stands for all of them."""

    bucket: str | None
    tenant: str | None
    detail: str

    def concerns(self, bucket: str, tenant: str | None) -> bool:
        """Whether a tenant's objects in a bucket are among what was not judged."""
        return self.bucket in (None, bucket) and (self.tenant is None or tenant is None or self.tenant == tenant)


class LedgerEntry(NamedTuple):
    """What the ledger knows of one version: `sha256` in lower-case hex."""

    etag: str
    sha256: str
    verdict: str


class Healed(NamedTuple):
    """When the policy brought an object back; `begun_with` is the version that it began with, if nobody saw its end."""

    at: datetime
    begun_with: str | None = None

    def seen_in(self, versions: Sequence[str]) -> bool:
        """Whether the object was written, by the versions of the key that hold bytes, newest first.

        The policy writes what the newest version holds, and that makes a newer one.
        """
        return self.begun_with is None or versions[:1] != [self.begun_with]


def begin(connection: psycopg.Connection[TupleRow], values: Sequence[object], *, automatic: bool) -> int:
    """Record that an object is about to be written: bucket, key, tenant, source, its version, bytes; its number."""
    (number,) = connection.execute(BEGIN, (*values, automatic)).fetchone() or (0,)
    return int(number)


def finish(connection: psycopg.Connection[TupleRow], number: int, new_version_id: str, sha256: str) -> None:
    """Record that what was begun is back."""
    connection.execute(FINISH, (new_version_id, sha256, number))


def forget(connection: psycopg.Connection[TupleRow], number: int) -> None:
    """What was begun has written nothing."""
    connection.execute(FORGET, (number,))


def candidates(
    connection: psycopg.Connection[TupleRow], tenants: Sequence[str] | None, page: int
) -> Iterator[Candidate]:
    """The missing objects that have a copy, the most urgent first, each once; so many are fetched at a time."""
    asked: dict[str, object] = {"ranks": [severity.value for severity in Severity], "page": page}
    asked |= {"tenants": tenants and list(tenants), "urgency": None, "bucket": None, "key": None}
    while found := connection.execute(CANDIDATES, asked).fetchall():
        yield from (Candidate(*row[:4]) for row in found)
        if len(found) < page:
            return
        asked["bucket"], asked["key"], _, _, asked["urgency"] = found[-1]


def how_many(connection: psycopg.Connection[TupleRow], tenants: Sequence[str] | None) -> int:
    """How many missing objects have a copy."""
    row = connection.execute(HOW_MANY, {"tenants": tenants and list(tenants)}).fetchone()
    return int(row[0]) if row else 0


def unjudged(connection: psycopg.Connection[TupleRow]) -> Sequence[Unjudged]:
    """The queries, tenants and buckets that the passes concluded nothing of."""
    return [Unjudged(*row) for row in connection.execute(UNJUDGED).fetchall()]


def brought_back_by_itself(
    connection: psycopg.Connection[TupleRow], bucket: str, keys: Sequence[str]
) -> Mapping[str, Healed]:
    """When each of these keys was brought back, or that was begun, if no person has done it since."""
    rows = connection.execute(NEWEST, (bucket, list(keys))).fetchall()
    return {key: Healed(*healed) for key, automatic, *healed in rows if automatic}


def of_late(connection: psycopg.Connection[TupleRow]) -> int:
    """How many objects were brought back without a person, or may have been, within 20 hours."""
    row = connection.execute(OF_LATE).fetchone()
    return int(row[0]) if row else 0


def ledger(
    connection: psycopg.Connection[TupleRow], bucket: str, keys: Sequence[str]
) -> Mapping[tuple[str, str], LedgerEntry]:
    """What the ledger knows of the versions of these keys, by key and version id."""
    rows = connection.execute(LEDGER, (bucket, list(keys))).fetchall()
    return {
        (key, version): LedgerEntry(etag.strip('"'), sha256, verdict) for key, version, etag, sha256, verdict in rows
    }


def findings_of(connection: psycopg.Connection[TupleRow], objects: Sequence[tuple[str, str]]) -> Sequence[int]:
    """The numbers of the findings that say of these objects, by bucket and key, that they are missing."""
    buckets, keys = [bucket for bucket, _ in objects], [key for _, key in objects]
    return [number for (number,) in connection.execute(OF_KEYS, (buckets, keys)).fetchall()]


def still_missing(connection: psycopg.Connection[TupleRow], kinds: Sequence[str], tenants: Sequence[str] | None) -> int:
    """How many findings of these kinds alarm still."""
    asked = {"kinds": list(kinds), "tenants": tenants and list(tenants)}
    row = connection.execute(STILL_MISSING, asked).fetchone()
    return int(row[0]) if row else 0
