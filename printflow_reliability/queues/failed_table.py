"""Laravel's table of failed jobs: how many a queue has, and which are new. COUNT falls on retry, forget and prune.

A row's id is given before its transaction commits, so that a lower one may come after a higher one was counted. The
rows of the last ids are known by them, and one among those that is not is new.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.queries import Connection
from printflow_reliability.platform.refusals import not_permitted
from printflow_reliability.queues.failed_marks import MARK
from printflow_reliability.queues.laravel_payload import payload_of
from printflow_reliability.queues.php_serialized import LARGEST
from printflow_reliability.queues.state import FailedJob, Failures, Known
from printflow_reliability.settings import QueueSettings
from printflow_reliability.text import printable, storable

COUNT = """
SELECT count(*), count(*) FILTER (WHERE {newer}), coalesce(max(id), 0),
       array_agg(id) FILTER (WHERE id > %(known_from)s AND id <= %(cursor)s),
       (SELECT array_agg(id) FROM (
            SELECT id FROM {table} WHERE queue = %(queue)s ORDER BY id DESC LIMIT %(window)s) AS newest)
FROM {table} WHERE queue = %(queue)s"""
NEW = """
SELECT id, CASE WHEN octet_length(payload::text) <= %(largest)s THEN payload::text END, left(exception, 500)
FROM {table} WHERE queue = %(queue)s AND {newer} AND id <= %(last)s AND (%(below)s::bigint IS NULL OR id < %(below)s)
ORDER BY id DESC LIMIT %(at_once)s"""
AT_ONCE, MOST = 20, 5_000
"""Newly failed jobs that are read at a time, and altogether; all of them are counted."""
LAST_GIVEN = "SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, 'id')::regclass)"
ABOVE = "(id > %(cursor)s OR id = ANY(%(late)s::bigint[]))"
WINDOW = 1_000
"""Ids below the highest whose rows may still come."""
SHARE = 1 / 1024
"""What the cursor moves by where rows came below it alone, so that of two looks at once only one counts them."""
LOOKED = f"{MARK}looked"
"""Says that the rows of the last ids are known, whether there were any or not."""
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


def failures_or_why(connection: Connection, queue: QueueSettings, known: Known) -> tuple[Failures | None, str]:
    """The failed jobs of a queue, or why they are not known: what waits in it is known all the same."""
    try:
        return failures(connection, queue, known), ""
    except CouldNotTell as unreadable:
        return None, unreadable.sentence
    except psycopg.errors.InsufficientPrivilege as refused:
        return None, not_permitted(str(queue.cluster), connection.info.user, refused).sentence
    except psycopg.OperationalError:  # the connection is lost, and with it everything else
        raise
    except psycopg.Error as refused:
        return None, error_text(refused)


def failures(connection: Connection, queue: QueueSettings, known: Known) -> Failures:
    """The failed jobs of a queue.

    Raises:
        CouldNotTell: there is no such table, or it is none of Laravel's.
    """
    table = table_of(connection, queue.failed_table, str(queue.cluster))
    cursor = known.cursor
    if cursor is not None and _begun_anew(connection, table, math.floor(cursor)):
        cursor = None
    counted_to = None if cursor is None else math.floor(cursor)
    newer = sql.SQL(RECENT if cursor is None else ABOVE)
    values: dict[str, Any] = {
        "queue": queue.own_name,
        "cursor": counted_to,
        "known_from": None if counted_to is None else counted_to - WINDOW,
        "window": WINDOW,
        "seconds": queue.failed_seconds,
        "late": [],
    }
    try:
        row = connection.execute(sql.SQL(COUNT).format(table=table, newer=newer), values).fetchone()
        assert row is not None  # noqa: S101 - an aggregate returns a row
        kept, new, last, below, newest = row
        late = late_rows(below or (), known)
        came_to = reached(cursor, float(last), late=bool(late))
        jobs: tuple[FailedJob, ...] = ()
        if (new or late) and queue.order:
            values |= {"last": math.floor(came_to), "late": late}
            jobs = tuple(_failed_jobs(connection, sql.SQL(NEW).format(table=table, newer=newer), values))
    except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction, psycopg.DataError) as odd:
        said = odd.diag.message_primary or type(odd).__name__
        raise CouldNotTell(
            f'table "{printable(queue.failed_table)}" is none of failed jobs as Laravel makes it: {said}',
            "correct failed_table in [[queue]]",
        ) from None
    new += len(late)
    marks = dict.fromkeys([LOOKED, *(_mark(number) for number in newest or ())], came_to)
    return Failures(kept, new, came_to, jobs, max(new - len(jobs), 0) if queue.order else 0, marks)


def _mark(number: object) -> str:
    return f"{MARK}{number}"


def late_rows(below: Iterable[object], known: Known) -> list[object]:
    """The rows below the cursor that came since the look before; none where that look kept no ids."""
    if LOOKED not in known.first_seen:
        return []
    return [number for number in below if _mark(number) not in known.first_seen]


def reached(cursor: float | None, last: float, *, late: bool) -> float:
    """The new cursor: the highest id, and a share beside it that changes with every row that came late."""
    if cursor is None or last > math.floor(cursor):
        return last
    return math.floor(cursor) + (cursor % 1 + SHARE) % 1 if late else cursor


def _failed_jobs(connection: Connection, statement: sql.Composed, values: dict[str, Any]) -> Iterator[FailedJob]:
    """The newest of the new ones, newest first."""
    values = {**values, "largest": LARGEST, "at_once": AT_ONCE, "below": None}
    for _ in range(MOST // AT_ONCE):
        found = connection.execute(statement, values).fetchall()
        yield from (_failed_job(*each) for each in found)
        if len(found) < AT_ONCE:
            return
        values["below"] = found[-1][0]


def _begun_anew(connection: Connection, table: sql.Composable, cursor: float) -> bool:
    """Whether ids are given out below the cursor again, as after the database was restored to an earlier moment."""
    row = connection.execute(LAST_GIVEN, (table.as_string(connection),)).fetchone()
    return row is not None and row[0] is not None and row[0] < cursor


def _failed_job(number: object, payload: object, exception: object) -> FailedJob:
    found = payload_of(str(payload or ""))  # nothing of one that is too large to be read
    first = re.split(r"\n| in /", str(exception or ""), maxsplit=1)[0]
    return FailedJob(str(number), found.name, found.document, printable(storable(first)))
