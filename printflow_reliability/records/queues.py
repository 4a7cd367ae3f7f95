"""What is known of queues, of failed jobs of orders and of Redis servers from one look to the next."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

Records = psycopg.Connection[TupleRow]
HISTORY = "30 days"
"""How long failures and failed jobs of orders are kept."""
# Two looks at once: only the one that found the cursor as it is counts what lies above it.
MOVE = """
INSERT INTO queues AS q (name, place, seen_at, failed_cursor)
VALUES (%(name)s, %(place)s, CASE WHEN %(seen)s THEN now() END, %(cursor)s::float8)
ON CONFLICT (name) DO UPDATE SET place = excluded.place, failed_cursor = excluded.failed_cursor, looked_at = now(),
    seen_at = CASE WHEN %(seen)s THEN now() WHEN q.place = excluded.place THEN q.seen_at END
WHERE q.place <> excluded.place OR q.failed_cursor IS NOT DISTINCT FROM %(before)s::float8
RETURNING name"""
GROWTH = """
SELECT coalesce(sum(failures), 0)::bigint FROM queue_failures
WHERE queue = %s AND counted_at > now() - %s * interval '1 second'"""
KEEP_JOBS = """
INSERT INTO queue_jobs SELECT %s, * FROM unnest(%s::text[], %s::float8[])
ON CONFLICT (queue, job) DO NOTHING"""
KEEP_FAILED = """
INSERT INTO failed_order_jobs (queue, job, order_id, name, reason, found_at)
VALUES (%s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (queue, job) DO UPDATE SET reason = excluded.reason, found_at = excluded.found_at"""
NEWEST_FAILED = """
SELECT DISTINCT ON (order_id) order_id, queue, name, reason, found_at FROM failed_order_jobs
WHERE order_id = ANY(%s) ORDER BY order_id, found_at DESC"""
RUN = """
INSERT INTO redis_servers AS r (name, run_id) VALUES (%(name)s, %(run)s)
ON CONFLICT (name) DO UPDATE SET run_id = excluded.run_id,
    changed_at = CASE WHEN r.run_id <> excluded.run_id THEN now() ELSE r.changed_at END
RETURNING extract(epoch FROM now() - changed_at)::float8"""


OF_REDIS = "/redis/"
"""What stands before the name of a Redis where its numbers are kept beside the jobs of queues."""
EMPTIED = "emptied"
KEEP_NUMBERS = """
INSERT INTO queue_jobs SELECT %s, * FROM unnest(%s::text[], %s::float8[])
ON CONFLICT (queue, job) DO UPDATE SET first_seen = excluded.first_seen"""


@dataclass(frozen=True)
class QueueRow:
    """What is known of a queue that is still where it was; `seen_at` in seconds since 1970, None where it never was."""

    seen_at: float | None
    cursor: float | None
    first_seen: Mapping[str, float]


@dataclass(frozen=True)
class OrderJob:
    """A failed job that was to make the print file of an order."""

    job: str
    order: str
    name: str
    reason: str


@dataclass(frozen=True)
class FailedOrder:
    """The newest failed job of an order."""

    queue: str
    name: str
    reason: str
    found_at: datetime


def known_queues(records: Records, places: Mapping[str, str]) -> Mapping[str, QueueRow]:
    """What is known of each of these queues; nothing of one that was never looked at, or is elsewhere now."""
    found = records.execute(
        "SELECT name, place, extract(epoch FROM seen_at)::float8, failed_cursor FROM queues"
    ).fetchall()
    jobs: dict[str, dict[str, float]] = {}
    for queue, job, first_seen in records.execute("SELECT queue, job, first_seen FROM queue_jobs").fetchall():
        jobs.setdefault(queue, {})[job] = first_seen
    return {
        name: QueueRow(seen, cursor, jobs.get(name, {}))
        for name, place, seen, cursor in found
        if places.get(name) == place
    }


def remember_queue(
    records: Records, name: str, place: str, *, seen: bool, cursors: tuple[float | None, float | None], new: int
) -> bool:
    """Keep that a queue was looked at, and how many of its jobs failed since the look before.

    Says whether it was kept: not where another look has moved the cursor meanwhile.

    Args:
        records: the records.
        name: what printflow.toml calls the queue.
        place: where it is.
        seen: whether this look proves that it is there.
        cursors: the cursor that this look began with, and the one that it came to.
        new: how many failed jobs lie between them.
    """
    before, after = cursors
    values = {"name": name, "place": place, "seen": seen, "before": before, "cursor": after}
    with records.transaction():
        moved = records.execute(MOVE, values).fetchone() is not None
        if moved and new:
            records.execute("INSERT INTO queue_failures (queue, failures) VALUES (%s, %s)", (name, new))
        records.execute("DELETE FROM queue_failures WHERE counted_at < now() - %s::interval", (HISTORY,))
    return moved


def growth(records: Records, name: str, seconds: float) -> int:
    """How many jobs of a queue failed within so many seconds."""
    row = records.execute(GROWTH, (name, seconds)).fetchone()
    return int(row[0]) if row else 0


def remember_jobs(records: Records, name: str, first_seen: Mapping[str, float]) -> None:
    """Keep since when these waiting jobs of a queue are known, and forget the others."""
    jobs = list(first_seen)
    with records.transaction():
        records.execute("DELETE FROM queue_jobs WHERE queue = %s AND job <> ALL(%s)", (name, jobs))
        records.execute(KEEP_JOBS, (name, jobs, list(first_seen.values())))


def remember_order_jobs(records: Records, name: str, jobs: Iterable[OrderJob]) -> None:
    """Keep these failed jobs of orders, the one that failed last at the end."""
    with records.transaction():
        records.execute("DELETE FROM failed_order_jobs WHERE found_at < now() - %s::interval", (HISTORY,))
        with records.cursor() as cursor:
            cursor.executemany(KEEP_FAILED, [(name, job.job, job.order, job.name, job.reason) for job in jobs])


def failed_orders(records: Records, orders: Collection[str]) -> Mapping[str, FailedOrder]:
    """The newest failed job of each of these orders that has any; those of other orders are not read."""
    found = records.execute(NEWEST_FAILED, (list(orders),)).fetchall()
    return {order: FailedOrder(*rest) for order, *rest in found}


def remember_run(records: Records, name: str, run_id: str) -> float | None:
    """Keep the run of a Redis; says how long ago another one was first seen, None if none ever was."""
    row = records.execute(RUN, {"name": name, "run": run_id}).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def redis_numbers(records: Records, name: str) -> Mapping[str, float]:
    """What was kept of a Redis at the look before."""
    found = records.execute("SELECT job, first_seen FROM queue_jobs WHERE queue = %s", (OF_REDIS + name,)).fetchall()
    return {str(number): float(value) for number, value in found}


def remember_redis_numbers(records: Records, name: str, numbers: Mapping[str, float]) -> None:
    """Keep these numbers of a Redis for the next look; others stay as they are."""
    records.execute(KEEP_NUMBERS, (OF_REDIS + name, list(numbers), [float(number) for number in numbers.values()]))


def emptied(records: Records) -> Mapping[str, float]:
    """When each Redis was last seen to have been emptied, in seconds since 1970; those that never were are left out."""
    query = "SELECT queue, first_seen FROM queue_jobs WHERE job = %s AND starts_with(queue, %s)"
    found = records.execute(query, (EMPTIED, OF_REDIS)).fetchall()
    return {queue.removeprefix(OF_REDIS): at for queue, at in found}
