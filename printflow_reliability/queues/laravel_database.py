"""Reading a queue of Laravel's in a database: the tables `jobs` and `failed_jobs`.

A job that was released is a row anew, so its age starts again: a lower bound. `retry_after` is the connection's, and a
job that was reserved for longer is anybody's again.
"""

from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.queries import Connection
from printflow_reliability.queues.failed_marks import without_failed
from printflow_reliability.queues.failed_table import failures_or_why, table_of
from printflow_reliability.queues.job_options import laravel_options
from printflow_reliability.queues.laravel_payload import payload_of
from printflow_reliability.queues.laravel_redis import STALLED_SECONDS
from printflow_reliability.queues.redis_keys import named
from printflow_reliability.queues.state import Known, QueueState, Reading, unreadable
from printflow_reliability.queues.waiting import EARLIEST, LATEST, Claimable, waiting
from printflow_reliability.settings import QueueSettings
from printflow_reliability.text import printable

COUNT = """
SELECT at, count(*) FILTER (WHERE waits), count(*) FILTER (WHERE reserved_at IS NULL AND available_at > at),
       count(*) FILTER (WHERE reserved_at IS NOT NULL), count(*) FILTER (WHERE expired),
       count(*) FILTER (WHERE reserved_at + %(retry_after)s + %(stalled)s <= at),
       count(*) FILTER (WHERE present AND reserved_at IS NULL AND (available_at IS NULL OR available_at >= %(latest)s)),
       min(since) FILTER (WHERE since >= %(earliest)s), coalesce(bool_or(since < %(earliest)s), false),
       bool_or(attempts > 0) FILTER (WHERE waits OR expired)
FROM (SELECT extract(epoch FROM clock_timestamp())::float8 AS at) AS clock LEFT JOIN LATERAL (
    SELECT true AS present, j.reserved_at, j.available_at, j.attempts,
           j.reserved_at IS NULL AND j.available_at <= at AS waits, j.reserved_at + %(retry_after)s <= at AS expired,
           CASE WHEN j.reserved_at IS NULL AND j.available_at <= at THEN j.available_at::float8
                WHEN j.reserved_at + %(retry_after)s <= at THEN j.reserved_at + %(retry_after)s END AS since
    FROM {table} j WHERE j.queue = %(queue)s) AS job ON true
GROUP BY at"""
SAMPLE = """
SELECT payload FROM {table} WHERE queue = %(queue)s AND octet_length(payload::text) <= 65536 ORDER BY id LIMIT 200"""
TOLD, TIMELESS = "told", "timeless"
"""The waiting jobs, of which the oldest counts: those with a time and those without."""
OTHERS = "SELECT DISTINCT queue FROM {table} LIMIT 20"


def read(connection: Connection, queue: QueueSettings, known: Known) -> Reading:
    """What is in a queue.

    Raises:
        CouldNotTell: a table is missing, or is none of Laravel's.
    """
    table = table_of(connection, queue.jobs_table, str(queue.cluster))
    values = {
        "queue": queue.own_name,
        "retry_after": float(queue.retry_after_seconds),
        "stalled": STALLED_SECONDS,
        "earliest": EARLIEST,
        "latest": LATEST,
    }
    try:
        row: Any = connection.execute(sql.SQL(COUNT).format(table=table), values).fetchone()
        now, waits, later, reserved, expired, stalled, never, since, timeless, tried = row
        payloads = connection.execute(sql.SQL(SAMPLE).format(table=table), values).fetchall()
        others = [str(name) for (name,) in connection.execute(sql.SQL(OTHERS).format(table=table)).fetchall()]
    except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction, psycopg.DataError) as odd:
        said = odd.diag.message_primary or type(odd).__name__
        raise CouldNotTell(
            f'table "{printable(queue.jobs_table)}" is none of jobs as Laravel makes it: {said}',
            "correct jobs_table in [[queue]]",
        ) from None
    documents = [payload_of(payload).document for (payload,) in payloads]
    failed, why_not = failures_or_why(connection, queue, known)
    here = bool(waits or later or reserved or never or (failed and failed.kept))
    if not (here or known.seen) and others:
        return unreadable(
            queue,
            f'no job of a queue "{printable(queue.own_name)}" was ever seen in table "{printable(queue.jobs_table)}"; '
            f"it has jobs of {named(sorted(others))}",
        )
    # A job whose time is none, such as 0, is as old as our first sight of such a job, and hides no other.
    jobs = [Claimable(TOLD, since)] if since is not None else []
    jobs += [Claimable(TIMELESS, None)] if timeless else []
    found = waiting(jobs, now, without_failed(known.first_seen), whole=True)
    state = QueueState(
        queue.name,
        queue.kind,
        depth=waits + expired,
        oldest=replace(found.oldest, exact=found.oldest.exact and not tried),
        waiting=waits,
        delayed=later,
        due=0,
        reserved=reserved,
        stalled=stalled,
        failed=None if failed is None else failed.kept,
        junk=sum(document is None for document in documents),
        never=never,
        options=laravel_options(documents, whole=len(documents) >= waits + later + reserved),
        unknown={"failed": why_not} if why_not else {},
    )
    return Reading(state, here, found.first_seen, failed)
