"""The outbox: an alert is in the records before anybody is told, once for each wrong thing, until it is resolved."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.findings import Severity
from printflow_reliability.settings import AlertRouteSettings, Settings
from printflow_reliability.text import storable

RAISE = """
INSERT INTO alerts (dedup_key, severity, title, body) VALUES (%(key)s, %(severity)s, %(title)s, %(body)s)
ON CONFLICT (dedup_key) WHERE resolved_at IS NULL DO UPDATE
SET times = alerts.times + 1, last_raised_at = now(), title = excluded.title, body = excluded.body,
    severity = CASE WHEN %(rank)s > array_position(%(severities)s, alerts.severity) - 1
                    THEN excluded.severity ELSE alerts.severity END
RETURNING id, severity"""
QUEUE = "INSERT INTO deliveries (alert_id, route, event) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
TOLD = "SELECT route FROM deliveries WHERE alert_id = %s AND event = 'trigger'"
RESOLVE = "UPDATE alerts SET resolved_at = now() WHERE dedup_key = %s AND resolved_at IS NULL RETURNING id"
OPEN = "SELECT dedup_key FROM alerts WHERE resolved_at IS NULL AND starts_with(dedup_key, %s)"
LIST = """
SELECT a.id, a.dedup_key, a.severity, a.title, a.body, a.raised_at, a.last_raised_at, a.times, a.resolved_at,
       coalesce(jsonb_agg(jsonb_build_object('route', d.route, 'event', d.event, 'attempts', d.attempts,
                'delivered_at', d.delivered_at, 'error', d.last_error) ORDER BY d.route, d.event)
                FILTER (WHERE d.route IS NOT NULL), '[]') AS deliveries
FROM alerts a LEFT JOIN deliveries d ON d.alert_id = a.id
GROUP BY a.id ORDER BY a.resolved_at IS NOT NULL, a.last_raised_at DESC LIMIT %s"""


@dataclass(frozen=True)
class Alert:
    """What a person must hear. The same thing that is wrong has the same `dedup_key`, however often it is seen."""

    dedup_key: str
    severity: Severity
    title: str
    body: str


@dataclass(frozen=True)
class Recorded:
    """An alert of the outbox, and what became of telling each route."""

    id: int
    dedup_key: str
    severity: str
    title: str
    body: str
    raised_at: datetime
    last_raised_at: datetime
    times: int
    resolved_at: datetime | None
    deliveries: list[dict[str, Any]]


def raise_alert(connection: psycopg.Connection[TupleRow], settings: Settings, alert: Alert) -> int:
    """Put an alert into the outbox, or count it once more where it is open; its severity may only rise.

    Each route that wants this severity is told once an open alert. Returns the alert's id.
    """
    redact = settings.redact
    with connection.transaction():
        row = connection.execute(
            RAISE,
            {
                "key": alert.dedup_key,
                "severity": alert.severity,
                "severities": list(Severity),
                "rank": alert.severity.rank,
                "title": storable(redact(alert.title)),
                "body": storable(redact(alert.body)),
            },
        ).fetchall()[0]
        for route in settings.alert_route:
            if accepts(route, Severity(row[1])):
                connection.execute(QUEUE, (row[0], route.name, "trigger"))
    return int(row[0])


def resolve_alert(connection: psycopg.Connection[TupleRow], settings: Settings, dedup_key: str) -> bool:
    """Close the open alert of that key, and tell those who heard of it; says whether there was one."""
    known = {route.name for route in settings.alert_route}
    with connection.transaction():
        row = connection.execute(RESOLVE, (dedup_key,)).fetchone()
        if row is None:
            return False
        for (route,) in connection.execute(TOLD, row).fetchall():
            if route in known:
                connection.execute(QUEUE, (row[0], route, "resolve"))
    return True


def open_alerts(connection: psycopg.Connection[TupleRow], prefix: str) -> list[str]:
    """The keys of the open alerts that begin so."""
    return [key for (key,) in connection.execute(OPEN, (prefix,)).fetchall()]


def recorded_alerts(connection: psycopg.Connection[TupleRow], *, most: int = 100) -> list[Recorded]:
    """The newest alerts, open ones first."""
    return [Recorded(*row) for row in connection.execute(LIST, (most,)).fetchall()]


def accepts(route: AlertRouteSettings, severity: Severity) -> bool:
    """Whether a route wants to hear of this severity."""
    return severity.rank >= route.min_severity.rank
