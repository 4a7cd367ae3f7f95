"""The heartbeats of [[worker]]: how old the newest one of the scheduler, or of whatever else must be alive, is."""

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
from printflow_reliability.settings import Settings, WorkerSettings
from printflow_reliability.text import printable

NOW_OF = "SELECT newest, clock_timestamp() FROM (SELECT (SELECT * FROM {query}) AS newest) AS beat"
MILLISECONDS = 100_000_000_000
"""A number of seconds is less, until the year 5138."""


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
        pipe.get(str(worker.key))
        (clock, micros), value = pipe.execute()
    if value is None:
        return Heartbeat(worker.name)
    try:
        at = float(value)
    except ValueError:
        return Heartbeat(worker.name, 0.0)  # it is there, and ends by itself
    at = at / 1000 if at > MILLISECONDS else at
    return Heartbeat(worker.name, max(clock + micros / 1_000_000 - at, 0.0))


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
    return Heartbeat(worker.name, max((now - at).total_seconds(), 0.0))
