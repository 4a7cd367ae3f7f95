"""Laravel's table of failed jobs: how many a queue has, and which are new. COUNT falls on retry, forget and prune."""

import re
from typing import Any

import psycopg
from psycopg import sql

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.queries import Connection
from printflow_reliability.queues.laravel_payload import payload_of
from printflow_reliability.queues.state import FailedJob, Failures
from printflow_reliability.settings import QueueSettings
from printflow_reliability.text import printable, storable

COUNT = """
SELECT count(*), count(*) FILTER (WHERE {newer}), coalesce(max(id), 0) FROM {table} WHERE queue = %(queue)s"""
NEW = """
SELECT id, payload, left(exception, 500) FROM {table} WHERE queue = %(queue)s AND {newer} AND id <= %(last)s
ORDER BY id LIMIT %(most)s"""
MOST_FAILED = 1_000
"""Newly failed jobs that one look reads for orders; it counts as far as it has read, and the next one goes on."""
LAST_GIVEN = "SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, 'id')::regclass)"
ABOVE = "id > %(cursor)s"
RECENT = "failed_at > now() - %(seconds)s * interval '1 second'"


def table_of(connection: Connection, name: str, cluster: str) -> sql.Composable:
    """A table by the name that printflow.toml gives, quoted by the server itself.

    Raises:
        CouldNotTell: there is no such table, or the name is none.
    """
    try:
        row = connection.execute("SELECT to_regclass(%s)::text", (name,)).fetchone()
    except (psycopg.errors.InvalidName, psycopg.errors.SyntaxError):
        row = None
    if row is None or row[0] is None:
        raise CouldNotTell(
            f'cluster {cluster} has no table "{printable(name)}"',
            "correct the table's name in [[queue]], with its schema",
        )
    return sql.SQL(row[0])


def failures(connection: Connection, queue: QueueSettings, cursor: float | None) -> Failures:
    """The failed jobs of a queue.

    Raises:
        CouldNotTell: there is no such table, or it is none of Laravel's.
    """
    table = table_of(connection, queue.failed_table, str(queue.cluster))
    if cursor is not None and _begun_anew(connection, table, cursor):
        cursor = None
    newer = sql.SQL(RECENT if cursor is None else ABOVE)
    values: dict[str, Any] = {
        "queue": queue.own_name,
        "cursor": None if cursor is None else int(cursor),
        "seconds": queue.failed_seconds,
    }
    try:
        row = connection.execute(sql.SQL(COUNT).format(table=table, newer=newer), values).fetchone()
        assert row is not None  # noqa: S101 - an aggregate returns a row
        kept, new, last = row
        reached = max(float(last), cursor or 0.0)
        jobs: tuple[FailedJob, ...] = ()
        if new and queue.order:
            values |= {"last": last, "most": MOST_FAILED}
            found = connection.execute(sql.SQL(NEW).format(table=table, newer=newer), values).fetchall()
            jobs = tuple(_failed_job(*each) for each in found)
            if found and len(found) < new:
                new, reached = len(found), float(found[-1][0])
    except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction, psycopg.DataError) as odd:
        said = odd.diag.message_primary or type(odd).__name__
        raise CouldNotTell(
            f'table "{printable(queue.failed_table)}" is none of failed jobs as Laravel makes it: {said}',
            "correct failed_table in [[queue]]",
        ) from None
    return Failures(kept, new, reached, jobs)


def _begun_anew(connection: Connection, table: sql.Composable, cursor: float) -> bool:
    """Whether ids are given out below the cursor again, as after the database was restored to an earlier moment."""
    row = connection.execute(LAST_GIVEN, (table.as_string(connection),)).fetchone()
    return row is not None and row[0] is not None and row[0] < cursor


def _failed_job(number: object, payload: object, exception: object) -> FailedJob:
    found = payload_of(payload if isinstance(payload, str | bytes) else str(payload))
    first = re.split(r"\n| in /", str(exception or ""), maxsplit=1)[0]
    return FailedJob(str(number), found.name, found.document, printable(storable(first)))
