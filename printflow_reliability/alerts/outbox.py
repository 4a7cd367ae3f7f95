"""The outbox: an alert is in the records before anybody is told, once for each wrong thing, until it is resolved."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.findings import Severity
from printflow_reliability.settings import AlertRouteSettings, Settings
from printflow_reliability.text import storable

TOLD_AGAIN_TIMES = 10
"""An alert that is open is told again whenever its count has grown so many times since it was told last."""
RAISE = """
INSERT INTO alerts (dedup_key, severity, title, body, tally, told_tally)
VALUES (%(key)s, %(severity)s, %(title)s, %(body)s, coalesce(%(count)s, 1), coalesce(%(count)s, 1))
ON CONFLICT (dedup_key) WHERE resolved_at IS NULL DO UPDATE
SET times = alerts.times + 1, tally = coalesce(%(count)s, alerts.times + 1), last_raised_at = now(),
    title = excluded.title, body = excluded.body,
    severity = CASE WHEN {rises} THEN excluded.severity ELSE alerts.severity END,
    worsened_at = CASE WHEN {rises} THEN now() ELSE alerts.worsened_at END,
    acknowledged_at = CASE WHEN {rises} THEN NULL ELSE alerts.acknowledged_at END,
    acknowledged_by = CASE WHEN {rises} THEN NULL ELSE alerts.acknowledged_by END
RETURNING id, severity, tally, told_tally""".format(
    rises="%(rank)s > array_position(%(severities)s, alerts.severity) - 1"
)
QUEUE = """
INSERT INTO deliveries (alert_id, subject, route, event) SELECT id, dedup_key, %s, %s FROM alerts WHERE id = %s
ON CONFLICT DO NOTHING"""
GROWN = "UPDATE alerts SET told_tally = tally WHERE id = %s"
# A route that was not told yet will be told of the count as it is then.
QUEUE_GROWN = """
INSERT INTO deliveries (alert_id, subject, route, event, tally)
SELECT a.id, a.dedup_key, %s, 'grown', a.tally FROM alerts a
WHERE a.id = %s AND NOT EXISTS (SELECT FROM deliveries d WHERE d.alert_id = a.id AND d.route = %s
                                AND d.delivered_at IS NULL AND d.withdrawn IS NULL)
ON CONFLICT DO NOTHING"""
RESOLVE = "UPDATE alerts SET resolved_at = now() WHERE dedup_key = %s AND resolved_at IS NULL RETURNING id"
# Nobody needs to hear later of what both began and ended while nobody wanted to hear of it.
WITHDRAW_SILENCED = """
UPDATE deliveries d SET withdrawn = 'resolved while it was silenced'
WHERE d.alert_id = %s AND d.delivered_at IS NULL AND d.withdrawn IS NULL
  AND EXISTS (SELECT FROM alert_silences s WHERE s.dedup_key = d.subject AND s.until > now())"""
TOLD = "SELECT DISTINCT route FROM deliveries WHERE alert_id = %s AND event <> 'resolve' AND withdrawn IS NULL"
OPEN = "SELECT dedup_key FROM alerts WHERE resolved_at IS NULL AND starts_with(dedup_key, %s)"
LIST = """
SELECT a.id, a.dedup_key, a.severity, a.title, a.body, a.raised_at, a.last_raised_at, a.times, a.resolved_at,
       coalesce(jsonb_agg(jsonb_build_object('route', d.route, 'event', d.event, 'attempts', d.attempts,
                'delivered_at', d.delivered_at, 'error', d.last_error, 'withdrawn', d.withdrawn) ORDER BY d.id)
                FILTER (WHERE d.route IS NOT NULL), '[]') AS deliveries,
       a.tally, a.acknowledged_at, a.acknowledged_by, a.escalated_at,
       (SELECT max(s.until) FROM alert_silences s WHERE s.dedup_key = a.dedup_key AND s.until > now())
FROM alerts a LEFT JOIN deliveries d ON d.alert_id = a.id
GROUP BY a.id ORDER BY a.resolved_at IS NOT NULL, a.last_raised_at DESC LIMIT %s"""


@dataclass(frozen=True)
class Alert:
    """What a person must hear. The same thing that is wrong has the same `dedup_key`, however often it is seen.

    `count` is how many things are wrong, where the alert stands for many; None where it is raised once for each.
    """

    dedup_key: str
    severity: Severity
    title: str
    body: str
    count: int | None = None


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
    count: int = 1
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    escalated_at: datetime | None = None
    silenced_until: datetime | None = None


def raise_alert(
    connection: psycopg.Connection[TupleRow], settings: Settings, alert: Alert, *, only: Collection[str] | None = None
) -> int:
    """Put an alert into the outbox, or count it once more where it is open; its severity may only rise.

    Each route that wants this severity is told once an open alert, and again when the count has grown tenfold. With
    `only`, no other routes than these. Returns the alert's id.
    """
    redact = settings.redact
    with connection.transaction():
        number, severity, tally, told = connection.execute(
            RAISE,
            {
                "key": alert.dedup_key,
                "severity": alert.severity,
                "severities": list(Severity),
                "rank": alert.severity.rank,
                "title": storable(redact(alert.title)),
                "body": storable(redact(alert.body)),
                "count": alert.count,
            },
        ).fetchall()[0]
        routes = [
            route.name
            for route in settings.alert_route
            if accepts(route, Severity(severity)) and (only is None or route.name in only)
        ]
        for route in routes:
            connection.execute(QUEUE, (route, "trigger", number))
        if tally >= max(told, 1) * TOLD_AGAIN_TIMES:
            connection.execute(GROWN, (number,))
            for route in routes:
                connection.execute(QUEUE_GROWN, (route, number, route))
    return int(number)


def resolve_alert(connection: psycopg.Connection[TupleRow], settings: Settings, dedup_key: str) -> bool:
    """Close the open alert of that key, and tell those who heard of it; says whether there was one."""
    known = {route.name for route in settings.alert_route}
    with connection.transaction():
        row = connection.execute(RESOLVE, (dedup_key,)).fetchone()
        if row is None:
            return False
        connection.execute(WITHDRAW_SILENCED, row)
        for (route,) in connection.execute(TOLD, row).fetchall():
            if route in known:
                connection.execute(QUEUE, (route, "resolve", row[0]))
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
