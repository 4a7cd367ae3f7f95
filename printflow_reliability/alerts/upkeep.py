"""What is done before each round: a removed route's alerts go to another, and what nobody cared for is escalated."""

from collections.abc import Sequence

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.backoff import AHEAD_SECONDS
from printflow_reliability.alerts.outbox import accepts
from printflow_reliability.alerts.route_trouble import PREFIX, forget_removed, working_routes
from printflow_reliability.findings import Severity
from printflow_reliability.settings import AlertRouteSettings, Settings

REMOVED = """
SELECT d.id, d.alert_id, d.event, d.tally, a.severity FROM deliveries d JOIN alerts a ON a.id = d.alert_id
WHERE d.delivered_at IS NULL AND d.withdrawn IS NULL AND NOT d.route = ANY(%s)
ORDER BY d.id FOR UPDATE OF d SKIP LOCKED"""
# Not behind what that route was, or will be, told of the same subject later than this.
HAND_OVER = """
INSERT INTO deliveries (alert_id, subject, route, event, tally)
SELECT a.id, a.dedup_key, %(route)s, %(event)s, %(tally)s FROM alerts a
WHERE a.id = %(alert)s AND NOT EXISTS (
    SELECT FROM deliveries d WHERE d.route = %(route)s AND d.subject = a.dedup_key AND d.withdrawn IS NULL
    AND (d.alert_id > a.id OR (d.alert_id = a.id AND d.event = 'resolve')))
ON CONFLICT DO NOTHING"""
WITHDRAW = "UPDATE deliveries SET withdrawn = %s WHERE id = %s"
# Skipped where it is locked: whoever changes several alerts at once must not wait for this while this waits for them.
ESCALATE = """
UPDATE alerts SET escalated_at = now() WHERE id IN (
    SELECT a.id FROM alerts a
    WHERE a.resolved_at IS NULL AND a.severity = 'critical' AND a.acknowledged_at IS NULL AND a.escalated_at IS NULL
      AND (a.worsened_at <= now() - make_interval(secs => %s) OR a.worsened_at > now() + make_interval(secs => %s))
      AND NOT EXISTS (SELECT FROM alert_silences s WHERE s.dedup_key = a.dedup_key AND s.until > now())
    FOR UPDATE OF a SKIP LOCKED)
RETURNING id, dedup_key"""
QUEUE = """
INSERT INTO deliveries (alert_id, subject, route, event) VALUES (%s, %s, %s, 'escalate') ON CONFLICT DO NOTHING"""


def keep_up(connection: psycopg.Connection[TupleRow], settings: Settings) -> None:
    """Hand over what waits for removed routes, and escalate; nothing of it where the file has no route at all."""
    if not settings.alert_route:
        return
    with connection.transaction():
        hand_over(connection, settings)
    forget_removed(connection, settings)
    with connection.transaction():
        escalate(connection, settings)


def hand_over(connection: psycopg.Connection[TupleRow], settings: Settings) -> int:
    """Give what waits for routes that are no longer in the file to others; says how much it was."""
    working = working_routes(connection, settings)
    waiting = connection.execute(REMOVED, ([route.name for route in settings.alert_route],)).fetchall()
    for number, alert, event, tally, severity in waiting:
        heir = _heir(settings.alert_route, working, Severity(severity))
        given = {"alert": alert, "route": heir, "event": event, "tally": tally}
        connection.execute(HAND_OVER, given)
        connection.execute(WITHDRAW, (f"the route was removed; handed to {heir}", number))
    return len(waiting)


def escalate(connection: psycopg.Connection[TupleRow], settings: Settings) -> int:
    """Send critical alerts that nobody acknowledged in time once more, to every route; says how many they are."""
    overdue = connection.execute(ESCALATE, (settings.alerts.escalate_minutes * 60, AHEAD_SECONDS)).fetchall()
    everybody = [route.name for route in settings.alert_route]
    for alert, key in overdue:
        routes = working_routes(connection, settings, besides=key.removeprefix(PREFIX))
        for route in routes if key.startswith(PREFIX) else everybody:
            connection.execute(QUEUE, (alert, key, route))
    return len(overdue)


def _heir(routes: Sequence[AlertRouteSettings], working: Sequence[str], severity: Severity) -> str:
    """Who is told instead: a route that works and wants to hear of it, else one that works, else any."""
    willing = [route.name for route in routes if route.name in working and accepts(route, severity)]
    return [*willing, *working, *(route.name for route in routes)][0]
