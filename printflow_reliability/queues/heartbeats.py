"""The heartbeats of [[worker]]: how old the newest one of the scheduler, or of whatever else must be alive, is."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import redis

from printflow_reliability.errors import PrintflowError
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.queries import as_table, config_errors, session
from printflow_reliability.platform.redis_server import asking
from printflow_reliability.queues.questions import connect_for_question
from printflow_reliability.queues.waiting import EARLIEST, LATEST, SKEW_SECONDS
from printflow_reliability.settings import Settings, WorkerSettings
from printflow_reliability.text import printable, seconds

NOW_OF = "SELECT newest, clock_timestamp() FROM (SELECT (SELECT * FROM {query}) AS newest) AS beat"
LONGEST = 64
"""Bytes of a key that are read: no number is longer."""
GONE = -2
"""What PTTL says of a key that is not there."""


@dataclass(frozen=True)
class Heartbeat:
    """The newest heartbeat of one worker.

    Attributes:
        name: what printflow.toml calls the worker.
        seconds: how old it is, by the clock of the server that holds it; None where there is none, or none is known.
        unreadable: why nothing is known; empty where something is.
    """

    name: str
    seconds: float | None = None
    unreadable: str = ""

    def as_json(self) -> dict[str, Any]:
        """As `queues` prints it."""
        return {"name": self.name, "heartbeat_seconds": self.seconds, "unreadable": self.unreadable or None}


def heartbeat(settings: Settings, worker: WorkerSettings) -> Heartbeat:
    """The newest heartbeat of a worker."""
    try:
        if worker.redis is not None:
            with asking(settings.redis_named(worker.redis)) as client:
                return _of_key(client, worker)
        return _of_row(settings, worker)
    except PrintflowError as away:
        return Heartbeat(worker.name, unreadable=away.sentence)
    except psycopg.Error as refused:
        return Heartbeat(worker.name, unreadable=error_text(refused))


def _of_key(client: "redis.Redis", worker: WorkerSettings) -> Heartbeat:
    with client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.getrange(str(worker.key), 0, LONGEST - 1)
        pipe.pttl(str(worker.key))
        (clock, micros), value, left = pipe.execute()
    return key_heartbeat(worker, value, left, clock + micros / 1_000_000)


def key_heartbeat(worker: WorkerSettings, value: bytes, left: int, now: float) -> Heartbeat:
    """The heartbeat that a key of a Redis is.

    Args:
        worker: whose it is.
        value: what the key holds, or how that begins.
        left: milliseconds until it ends by itself; -1 where it never does, -2 where it is not there.
        now: by the clock of the Redis.
    """
    if left == GONE:
        return Heartbeat(worker.name)
    at = _number(value)
    if at is not None and at >= EARLIEST:
        return _of_time(worker, now - (at / 1000 if at > LATEST else at))
    # It tells no time. That it is there is the heartbeat, if it ends soon after nobody renews it.
    key = f'the key "{printable(str(worker.key))}"'
    if left < 0:
        return Heartbeat(
            worker.name,
            unreadable=f"{key} holds no time and never ends by itself, so that it tells nothing. Next: let the worker "
            f"set it with the time, or to end after {seconds(worker.max_age_seconds)}",
        )
    if left / 1000 > worker.max_age_seconds:
        return Heartbeat(
            worker.name,
            unreadable=f"{key} holds no time and ends only in {seconds(left / 1000)}. Next: let the worker set it with "
            f"the time, or to end after {seconds(worker.max_age_seconds)}",
        )
    return Heartbeat(worker.name, 0.0)


def _number(value: bytes) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _of_time(worker: WorkerSettings, age: float) -> Heartbeat:
    """The heartbeat of so many seconds ago; one that is still to come would be fresh for as long as that."""
    if age < -SKEW_SECONDS:
        return Heartbeat(
            worker.name,
            unreadable=f"its newest heartbeat lies {seconds(-age)} in the future: is the clock of its machine right, "
            "and is the time in UTC, in seconds or milliseconds?",
        )
    return Heartbeat(worker.name, max(age, 0.0))


def _of_row(settings: Settings, worker: WorkerSettings) -> Heartbeat:
    key = f'the query of worker "{printable(worker.name)}"'
    cluster = settings.cluster_named(str(worker.cluster))
    with session(cluster, worker.database, connect_for_question) as connection, config_errors(key):
        row: Any = connection.execute(psycopg.sql.SQL(NOW_OF).format(query=as_table(str(worker.query)))).fetchone()
    newest, now = row
    if newest is None:
        return Heartbeat(worker.name)
    if not isinstance(newest, datetime):
        return Heartbeat(worker.name, unreadable=f"{key} returns no timestamp")
    at = newest.replace(tzinfo=UTC) if newest.tzinfo is None else newest
    return _of_time(worker, (now - at).total_seconds())
