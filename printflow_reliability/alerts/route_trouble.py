"""A route that does not take its alerts is itself an alert, which only routes that work are told of."""

from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.backoff import AHEAD_SECONDS, failing_routes
from printflow_reliability.alerts.outbox import Alert, open_alerts, raise_alert, resolve_alert
from printflow_reliability.findings import Severity
from printflow_reliability.settings import Settings
from printflow_reliability.text import agreed, counted, moment

PREFIX = "route:"
"""What the keys of these alerts begin with; the route's name follows."""
TIMES_TO_TELL = 2
"""A route fails so often in a row before others are told: a single refusal is over with the next round."""
# Waits in vain: refused before, or behind a route that fails. What is silenced waits on purpose.
IN_VAIN = """
SELECT d.route, count(*), coalesce(max(r.last_error), max(d.last_error)),
       coalesce(max(r.failures), 0) >= %(times)s OR max(d.attempts) >= %(times)s, min(r.failed_since)
FROM deliveries d LEFT JOIN alert_routes r ON r.route = d.route AND r.failures > 0
WHERE d.delivered_at IS NULL AND d.withdrawn IS NULL AND (d.last_error IS NOT NULL OR r.route IS NOT NULL)
  AND (d.event = 'resolve' OR NOT EXISTS (SELECT FROM alert_silences s
                                          WHERE s.dedup_key = d.subject AND s.until > now()))
GROUP BY d.route ORDER BY d.route"""

DUE = """
SELECT DISTINCT route FROM deliveries
WHERE delivered_at IS NULL AND withdrawn IS NULL AND (
    next_attempt_at <= clock_timestamp() OR next_attempt_at > clock_timestamp() + make_interval(secs => %s))"""


@dataclass(frozen=True)
class Trouble:
    """What waits for a route in vain, and why.

    Attributes:
        route: its name.
        waiting: how many alerts.
        reason: what the route answered last.
        lasting: whether it failed more than once.
        since: since when the route fails, in words; empty where it fails for single alerts only.
    """

    route: str
    waiting: int
    reason: str
    lasting: bool
    since: str


def troubles(connection: psycopg.Connection[TupleRow]) -> list[Trouble]:
    """Every route that alerts wait for in vain."""
    rows = connection.execute(IN_VAIN, {"times": TIMES_TO_TELL}).fetchall()
    return [
        Trouble(route, waiting, reason or "it was not tried yet", lasting, moment(since) if since else "")
        for route, waiting, reason, lasting, since in rows
    ]


def busy_routes(connection: psycopg.Connection[TupleRow]) -> frozenset[str]:
    """The routes that a round is for: something waits for them, or an alert about them is open."""
    due = {route for (route,) in connection.execute(DUE, (AHEAD_SECONDS,)).fetchall()}
    return frozenset(due | {key.removeprefix(PREFIX) for key in open_alerts(connection, PREFIX)})


def tell_of(connection: psycopg.Connection[TupleRow], settings: Settings, route: str, *, refused: bool) -> None:
    """Raise the alert about a route, or resolve it where nothing waits in vain any more; routes that work hear of it.

    Args:
        connection: to the records.
        settings: the whole file.
        route: its name.
        refused: whether it just refused something, which counts the alert once more.
    """
    trouble = next((trouble for trouble in troubles(connection) if trouble.route == route), None)
    if trouble is None:
        resolve_alert(connection, settings, PREFIX + route)
    elif refused and trouble.lasting:
        raise_alert(connection, settings, _alert(trouble), only=working_routes(connection, settings, besides=route))


def forget_removed(connection: psycopg.Connection[TupleRow], settings: Settings) -> None:
    """Resolve the alerts about routes that are no longer in the file."""
    known = {PREFIX + route.name for route in settings.alert_route}
    for key in open_alerts(connection, PREFIX):
        if key not in known:
            resolve_alert(connection, settings, key)


def working_routes(connection: psycopg.Connection[TupleRow], settings: Settings, besides: str = "") -> list[str]:
    """The routes of the file that did not fail when they were tried last, in the file's order."""
    failing = failing_routes(connection)
    names = (route.name for route in settings.alert_route)
    return [name for name in names if name not in failing and name != besides]


def _alert(trouble: Trouble) -> Alert:
    waiting = f"{counted(trouble.waiting, 'alert')} {agreed(trouble.waiting, 'waits', 'wait')} for it"
    since = f" since {trouble.since}" if trouble.since else ""
    return Alert(
        dedup_key=PREFIX + trouble.route,
        severity=Severity.CRITICAL,
        title=f"Alert route {trouble.route} does not take alerts",
        body=f"{waiting}{since}: {trouble.reason}.\n"
        "Matters to: whoever is called by that route, and does not hear of what is wrong now.\n"
        "Next: printflow alerts test",
    )
