"""When a route, or an alert that a route did not take, is tried again."""

import random
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 300.0
AHEAD_SECONDS = 2 * LONGEST_RETRY_SECONDS
"""Nothing waits so long: what seems to was noted while the database's clock was ahead, and is due."""
STATE = """
SELECT failures, next_attempt_at > now() AND next_attempt_at <= now() + make_interval(secs => %s)
FROM alert_routes WHERE route = %s"""
FAILED = """
INSERT INTO alert_routes (route, failures, next_attempt_at, failed_since, last_error)
VALUES (%(route)s, 1, clock_timestamp() + make_interval(secs => %(wait)s), now(), %(reason)s)
ON CONFLICT (route) DO UPDATE
SET failures = alert_routes.failures + 1, next_attempt_at = excluded.next_attempt_at, last_error = excluded.last_error,
    failed_since = coalesce(alert_routes.failed_since, now())"""
WORKS = """
UPDATE alert_routes SET failures = 0, next_attempt_at = now(), failed_since = NULL, last_error = NULL
WHERE route = %s AND failures > 0"""
FAILING = "SELECT route FROM alert_routes WHERE failures > 0"


@dataclass(frozen=True)
class RouteState:
    """How often a route failed in a row, and whether it is still left alone for that."""

    failures: int = 0
    waits: bool = False


def state_of(connection: psycopg.Connection[TupleRow], route: str) -> RouteState:
    """What is known of a route; nothing is known of one that never failed."""
    row = connection.execute(STATE, (AHEAD_SECONDS, route)).fetchone()
    return RouteState(*row) if row is not None else RouteState()


def failed(connection: psycopg.Connection[TupleRow], route: str, reason: str, wait: float) -> None:
    """Leave the route alone for so many seconds, with all that waits for it."""
    connection.execute(FAILED, {"route": route, "wait": wait, "reason": reason})


def works(connection: psycopg.Connection[TupleRow], route: str) -> None:
    """The route took an alert."""
    connection.execute(WORKS, (route,))


def failing_routes(connection: psycopg.Connection[TupleRow]) -> frozenset[str]:
    """The routes that failed when they were tried last."""
    return frozenset(route for (route,) in connection.execute(FAILING).fetchall())


def retry_seconds(attempts: int, chance: random.Random, wanted: float | None = None) -> float:
    """How long to wait after so many tries: doubling up to a limit, with jitter; at least what the route asks for.

    What it asks for is capped by the same limit: a page must not wait for an hour because a header says so.
    """
    wait = min(FIRST_RETRY_SECONDS * 2.0 ** min(attempts, 10), LONGEST_RETRY_SECONDS) * chance.uniform(0.5, 1.0)
    return max(wait, min(wanted or 0.0, LONGEST_RETRY_SECONDS))
