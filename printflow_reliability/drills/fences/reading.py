"""Counting one table in a snapshot, and knowing whether what was counted is what the snapshot should have seen.

TRUNCATE, rewrites and REFRESH give a table a new file whose rows an older snapshot does not see, or sees though they
are newer. Each table is counted below a savepoint that is rolled back: that gives its locks back at once, and leaves
the snapshot to the others when a table cannot be read.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import psycopg

from printflow_reliability.drills.fences.snapshot import Snapshot
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.damage import is_damage
from printflow_reliability.restore.counts import Table, count_query
from printflow_reliability.restore.names import quoted

LOCK = "55P03"
NOT_PERMITTED = "42501"
GONE = frozenset({"42P01", "3F000", "42703"})
"""undefined_table, invalid_schema_name, undefined_column."""
RACE = re.compile(r"cache lookup failed|could not open relation with OID|concurrently")
"""What an internal error says of a table that is being dropped or changed at the same moment."""
TOO_LARGE = re.compile(r"invalid memory alloc request size (\d+)$")
ALLOC_LIMIT = 2**33
"""A text of a row may be too large by little; a damaged length asks for much more."""
CHANGED = "it was rewritten, truncated, renamed or dropped while it was counted"


class NotCounted(StrEnum):
    """Why a table was not counted."""

    LOCKED = "locked"
    CHANGED = "changed"
    REFUSED = "refused"
    DAMAGED = "damaged"
    UNANSWERED = "unanswered"


@dataclass(frozen=True)
class Reading:
    """A table's rows and their digest, or why they are not known.

    `reason` without `trouble` says why rows were counted but their content could not be read.
    """

    rows: int | None
    digest: str | None = None
    trouble: NotCounted | None = None
    reason: str = ""


def read_table(
    connection: psycopg.Connection, table: Table, *, digest_bytes: int | None, snapshot: Snapshot | None
) -> Reading:
    """Count a table, and read its content if it is small enough.

    Args:
        connection: a prepared session; for a snapshot, in its transaction.
        table: what to count.
        digest_bytes: up to which size its content is read; None for not at all.
        snapshot: the one that must have been seen; None where nobody changes anything, as in a paused clone.

    Raises:
        psycopg.Error: the connection was lost.
    """
    try:
        with connection.transaction(force_rollback=True):
            return _read(connection, table, digest_bytes, snapshot)
    except psycopg.Error as error:
        if connection.closed:
            raise
        trouble, reason = _trouble(error, snapshot), error_text(error)
    if digest_bytes is not None and trouble in (NotCounted.UNANSWERED, NotCounted.DAMAGED):
        rows = read_table(connection, table, digest_bytes=None, snapshot=snapshot)
        if rows.trouble is None and trouble is NotCounted.UNANSWERED:
            return Reading(rows.rows, reason=reason)
    return Reading(None, trouble=trouble, reason=CHANGED if trouble is NotCounted.CHANGED else reason)


def _read(connection: psycopg.Connection, table: Table, digest_bytes: int | None, snapshot: Snapshot | None) -> Reading:
    row = connection.execute(count_query(table, digest_bytes)).fetchone()
    if row is None:
        return Reading(None, trouble=NotCounted.UNANSWERED, reason="count(*) returned nothing")
    rows, hashes, has_its_name, filenode = row
    digest = hashes.decode() if hashes is not None else None
    if snapshot is None:
        return Reading(rows, digest)
    rewritten = table.filenode not in (0, filenode)
    if not has_its_name or (rewritten and not _kept(connection, table, snapshot, rows)):
        return Reading(None, trouble=NotCounted.CHANGED, reason=CHANGED)
    return Reading(rows, digest if digest is None or _same_columns(connection, table) else None)


def _kept(connection: psycopg.Connection, table: Table, snapshot: Snapshot, rows: int) -> bool:
    """Whether a table's new file holds the snapshot's rows: VACUUM FULL and CLUSTER keep them with their transactions.

    Whatever else writes a new file makes new rows of all, which the snapshot does not see, or sees though it should
    not where they were written frozen (REFRESH MATERIALIZED VIEW, COPY FREEZE).
    """
    ahead = b"((xmin::text::int8 - %d) & 4294967295)" % (snapshot.xmin & 0xFFFFFFFF)
    # Ids of 32 bits: those far behind look far ahead. Ids up to 2 are older than any.
    newer = b"SELECT EXISTS (SELECT FROM ONLY %b WHERE xmin::text::int8 > 2 AND %b < 2147483648 AND NOT %b)" % (
        table.identifier,
        ahead,
        b"pg_visible_in_snapshot((%d + %b)::text::xid8, '%b')" % (snapshot.xmin, ahead, str(snapshot).encode()),
    )
    row = connection.execute(newer).fetchone() if rows else None
    return row is not None and not row[0]


def _same_columns(connection: psycopg.Connection, table: Table) -> bool:
    """Whether the columns that were read are still those of the snapshot; a new type may give rows another text."""
    names = b", ".join(quoted(column.name) for column in table.columns)
    result = connection.execute(b"SELECT %b FROM ONLY %b LIMIT 0" % (names, table.identifier)).pgresult
    if result is None:
        return False
    # A result has the base type of a domain.
    return all(
        result.ftablecol(place) == column.number
        and (column.type == 0 or (result.ftype(place), result.fmod(place)) == (column.type, column.modifier))
        for place, column in enumerate(table.columns)
    )


def _trouble(error: psycopg.Error, snapshot: Snapshot | None) -> NotCounted:
    state, words = error.sqlstate or "", error_text(error)
    if state == LOCK:
        return NotCounted.LOCKED
    if state == NOT_PERMITTED:
        return NotCounted.REFUSED
    if snapshot is not None and (state in GONE or RACE.search(words)):
        return NotCounted.CHANGED
    too_large = TOO_LARGE.search(words)
    if is_damage(error) and not (too_large and int(too_large[1]) < ALLOC_LIMIT):
        return NotCounted.DAMAGED
    return NotCounted.UNANSWERED
