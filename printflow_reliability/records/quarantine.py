"""Orphans that were moved aside: where each copy lies, what it was, and the delete marker that stands for it.

A row is begun before anything is copied, so that a run that was killed leaves nothing that nobody knows of.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.text import moment, printable, shell_word, storable

Records = psycopg.Connection[TupleRow]
RELEASED, GIVEN_UP = "released", "given up"
KNOWN_COPY = "another copy of the same version is known"
COLUMNS = (
    "id, bucket, key, tenant, version_id, bytes, etag, reason, superseded_by, place, place_key, place_version, sha256, "
    "headers, person, begun_at, quarantined_at, marker_version"
)
BEGIN = f"""
INSERT INTO quarantine (bucket, key, tenant, version_id, bytes, etag, reason, superseded_by, place, place_key, person)
VALUES (%(bucket)s, %(key)s, %(tenant)s, %(version_id)s, %(bytes)s, %(etag)s, %(reason)s, %(superseded_by)s, %(place)s,
        %(place_key)s, %(person)s) RETURNING {COLUMNS}"""  # noqa: S608 - our own column names
BEGUN_ANEW = """
UPDATE quarantine SET ended = %(how)s, ended_at = now(), ended_by = %(person)s, why = 'begun anew'
WHERE bucket = %(bucket)s AND key = %(key)s AND version_id = %(version_id)s AND ended IS NULL"""
BEGUN_WITHOUT_COPY = f"{BEGUN_ANEW} AND place_version IS NULL"
KNOWN = "SELECT place_key, place_version FROM quarantine WHERE place_key = ANY(%s)"
ANOTHER = """
SELECT 1 FROM quarantine
WHERE bucket = %(bucket)s AND key = %(key)s AND version_id = %(version_id)s AND ended IS NULL"""
ADOPT = """
INSERT INTO quarantine (bucket, key, tenant, version_id, bytes, etag, reason, superseded_by, place, place_key,
                        place_version, sha256, headers, person, begun_at, ended, ended_at, ended_by, why)
VALUES (%(bucket)s, %(key)s, %(tenant)s, %(version_id)s, %(bytes)s, %(etag)s, %(reason)s, %(superseded_by)s, %(place)s,
        %(place_key)s, %(place_version)s, %(sha256)s, %(headers)s, %(person)s, %(begun_at)s, %(ended)s, %(ended_at)s,
        %(ended_by)s, %(why)s)"""
OPEN = f"SELECT {COLUMNS} FROM quarantine WHERE ended IS NULL AND "  # noqa: S608 - our own column names
ASIDE = "(quarantined_at IS NOT NULL OR place_version IS NOT NULL)"
"""Also what a run has copied and then broke off: its marker may stand."""
HELD = f"""{OPEN} {ASIDE} AND bucket = %s AND key = ANY(%s) ORDER BY begun_at, id"""
COPIES_OF_ERASED = """
SELECT DISTINCT ON (q.place, q.place_key) e.id, q.bucket, q.key, q.place, q.place_key
FROM erasures e JOIN quarantine q
ON q.bucket = e.bucket AND (q.key = e.key OR (right(e.key, 1) = '/' AND starts_with(q.key, e.key)))
WHERE e.withdrawn_at IS NULL AND (%(erasure)s::bigint IS NULL OR e.id = %(erasure)s)
ORDER BY q.place, q.place_key, e.id"""
TOTALS = """
SELECT tenant, count(*), sum(bytes)::bigint FROM quarantine WHERE ended IS NULL AND quarantined_at IS NOT NULL
GROUP BY tenant ORDER BY tenant"""


@dataclass(frozen=True)
class Quarantined:
    """One object of the manifest.

    Attributes:
        bucket: by its name in printflow.toml; `key`, `version_id`, `bytes` and `etag` are the object's own.
        superseded_by: the key of the newer file in its place, if there is one.
        place: the bucket of the copy, by its name in printflow.toml; `place_version` is None until it was read back.
        headers: content type and the like, metadata, tags and lock, as the object had them.
        quarantined_at: UTC, when the delete marker stood and no row named the object; None before.
        marker_version: of that marker; None where a run was killed before it noted it.
    """

    id: int
    bucket: str
    key: str
    tenant: str
    version_id: str
    bytes: int
    etag: str
    reason: str
    superseded_by: str | None
    place: str
    place_key: str
    place_version: str | None
    sha256: str | None
    headers: Mapping[str, Any] | None
    person: str
    begun_at: datetime
    quarantined_at: datetime | None
    marker_version: str | None

    @property
    def copied(self) -> bool:
        """Whether the copy is there and was read back."""
        return self.place_version is not None and self.sha256 is not None

    @property
    def release_command(self) -> str:
        """What brings it back."""
        return f"printflow files release {shell_word(self.key)} --bucket {shell_word(self.bucket)} --apply"

    @property
    def sentence(self) -> str:
        """Since when and why it is in quarantine."""
        since = moment(self.quarantined_at) if self.quarantined_at else "now"
        return f"in quarantine since {since} ({printable(self.reason)})"

    def as_json(self) -> dict[str, Any]:
        """As `files release --json` shows it."""
        return asdict(self)


Held: TypeAlias = Callable[[Collection[str]], Mapping[str, Quarantined]]
"""Tells which keys of one bucket are in quarantine."""


def nothing_held(_: Collection[str]) -> Mapping[str, Quarantined]:
    """Where nothing is known of a quarantine."""
    return {}


def begin(records: Records, **row: Any) -> Quarantined:
    """Note that an object is about to be moved; the row of a run that was killed ends, and another one is begun.

    An old copy is not trusted: the place may have ended it by now, and a version "null" may hold something else. Its
    row stays, since an erasure must know of it.

    Args:
        records: a connection to the records.
        row: bucket, key, tenant, version_id, bytes, etag, reason, superseded_by, place, place_key and person.
    """
    given = {name: storable(value) if isinstance(value, str) else value for name, value in row.items()}
    with records.transaction():
        records.execute(BEGUN_ANEW, {**given, "how": GIVEN_UP})
        return _of(records.execute(BEGIN, given).fetchone())


def forgotten(records: Records, rows: Iterable[Quarantined]) -> Sequence[Quarantined]:
    """Those of these rows whose copies the records know nothing of, neither now nor as of something that has ended.

    Records that were restored to the moment between a row and its copy know the copy's key and nothing of the copy.
    """
    noted = {row.place_key: row for row in rows}
    found = records.execute(KNOWN, ([*noted],)).fetchall()
    known = {key for key, version in found if version is not None}
    return [row for key, row in noted.items() if key not in known]


def adopt(records: Records, row: Quarantined, person: str) -> None:
    """Take a forgotten row in as one of a run that broke off, or where another copy of it is known as given up.

    An open row without a copy is such a run's too: it ends. It stays, as does what is given up, since an erasure must
    know of each copy.

    Args:
        records: a connection to the records, which nobody else changes meanwhile.
        row: of which nothing is known.
        person: who takes it in.
    """
    same = {"bucket": row.bucket, "key": row.key, "version_id": row.version_id}
    given = {**asdict(row), "headers": json.dumps(row.headers)}
    with records.transaction():
        records.execute(BEGUN_WITHOUT_COPY, {**same, "how": GIVEN_UP, "person": storable(person)})
        if records.execute(ANOTHER, same).fetchone() is None:
            ended: dict[str, Any] = dict.fromkeys(("ended", "ended_at", "ended_by", "why"))
        else:
            ended = {"ended": GIVEN_UP, "ended_at": datetime.now(UTC), "ended_by": storable(person), "why": KNOWN_COPY}
        records.execute(ADOPT, {**given, **ended})


def copied(records: Records, number: int, place_version: str, sha256: str, headers: Mapping[str, Any]) -> None:
    """Note that the copy is there and reads back as the object."""
    records.execute(
        "UPDATE quarantine SET place_version = %s, sha256 = %s, headers = %s WHERE id = %s",
        (place_version, sha256, json.dumps(headers), number),
    )


def marked(records: Records, number: int, marker_version: str) -> None:
    """Note which delete marker is ours; whether a row names the object meanwhile is still to be asked."""
    records.execute("UPDATE quarantine SET marker_version = %s WHERE id = %s", (marker_version, number))


def moved(records: Records, number: int) -> None:
    """Note that the object is in quarantine: its marker stands, and no row names it."""
    records.execute("UPDATE quarantine SET quarantined_at = now() WHERE id = %s", (number,))


def end(records: Records, number: int, how: str, person: str, why: str) -> None:
    """Note that an object is back (`RELEASED`), or was not moved after all (`GIVEN_UP`); its row stays."""
    records.execute(
        "UPDATE quarantine SET ended = %s, ended_at = now(), ended_by = %s, why = %s WHERE id = %s AND ended IS NULL",
        (how, storable(person), storable(why), number),
    )


def unfinished(records: Records) -> Sequence[Quarantined]:
    """What a run that was killed, or broke off, has begun and not ended."""
    return _all(records.execute(f"{OPEN} quarantined_at IS NULL ORDER BY id").fetchall())


def held(records: Records, bucket: str, keys: Collection[str]) -> Mapping[str, Quarantined]:
    """What of these keys of a bucket is in quarantine, the newest of each."""
    known = {storable(key): key for key in keys}
    rows = _all(records.execute(HELD, (bucket, [*known])).fetchall())
    return {known[row.key]: row for row in rows}


def chosen(
    records: Records, keys: Collection[str] = (), tenants: Collection[str] = (), bucket: str | None = None
) -> Sequence[Quarantined]:
    """What is in quarantine, or was on its way, oldest first: of these keys, tenants and bucket; empty is all."""
    rows = records.execute(
        f"{OPEN} {ASIDE} AND (%s::text[] IS NULL OR key = ANY(%s)) "
        "AND (%s::text[] IS NULL OR tenant = ANY(%s)) AND (%s::text IS NULL OR bucket = %s) ORDER BY id",
        (*[[storable(key) for key in keys] or None] * 2, *[[*tenants] or None] * 2, bucket, bucket),
    )
    return _all(rows.fetchall())


def newest_of_each(rows: Iterable[Quarantined]) -> Sequence[Quarantined]:
    """Of each key only what was moved last, oldest first: what was moved before it is older content."""

    def begun(row: Quarantined) -> tuple[datetime, int]:
        return row.begun_at, row.id  # what was forgotten and taken in again has a later number

    newest = {(row.bucket, row.key): row for row in sorted(rows, key=begun)}
    return sorted(newest.values(), key=begun)


def copies_of_erased(records: Records, erasure: int | None = None) -> Sequence[tuple[int, str, str, str, str]]:
    """Where copies were made of what was erased on purpose, by place: also of rows that have ended.

    Args:
        records: a connection to the records.
        erasure: only of this one; None for all that count.

    Returns:
        The erasure's number, the object's bucket and key, and the place and key of the copy, for each.
    """
    return records.execute(COPIES_OF_ERASED, {"erasure": erasure}).fetchall()


def copies_from(records: Records, bucket: str) -> frozenset[str]:
    """The keys, in the place, of all copies from a bucket that are on record, also of rows that have ended."""
    found = records.execute("SELECT place_key FROM quarantine WHERE bucket = %s", (bucket,)).fetchall()
    return frozenset(key for (key,) in found)


def totals(records: Records) -> Mapping[str, tuple[int, int]]:
    """How many objects of each tenant are in quarantine, and their bytes."""
    return {tenant: (count, size) for tenant, count, size in records.execute(TOTALS).fetchall()}


def _all(rows: Iterable[TupleRow]) -> Sequence[Quarantined]:
    return [Quarantined(*row) for row in rows]


def _of(row: TupleRow | None) -> Quarantined:
    if row is None:
        raise AssertionError("INSERT ... RETURNING returned nothing")
    return Quarantined(*row)
