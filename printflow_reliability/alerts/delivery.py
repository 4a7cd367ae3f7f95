"""Delivering the outbox: at least once to each route, later again where a route did not take it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import AlertRouteSettings, Settings
from printflow_reliability.text import agreed, counted

TIMEOUT_SECONDS = 10.0
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 300.0
DUE = """
SELECT d.alert_id, d.route, d.event, d.attempts, a.dedup_key, a.severity, a.title, a.body, a.raised_at, a.times
FROM deliveries d JOIN alerts a ON a.id = d.alert_id
WHERE d.delivered_at IS NULL AND d.next_attempt_at <= now()
ORDER BY a.raised_at, d.event DESC
FOR UPDATE OF d SKIP LOCKED LIMIT 1"""
DONE = """
UPDATE deliveries SET attempts = attempts + 1, delivered_at = now(), last_error = NULL
WHERE alert_id = %s AND route = %s AND event = %s"""
AGAIN = """
UPDATE deliveries SET attempts = attempts + 1, last_error = %s, next_attempt_at = now() + make_interval(secs => %s)
WHERE alert_id = %s AND route = %s AND event = %s"""
WAITING = "SELECT count(*), coalesce(max(last_error), '') FROM deliveries WHERE delivered_at IS NULL AND attempts > 0"


@dataclass(frozen=True)
class DeliveryReport:
    """What one round of delivery did."""

    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"ok": self.checks[0].outcome is Outcome.PASS, **self.numbers, "detail": self.checks[0].detail}


def deliver(settings: Settings) -> DeliveryReport:
    """Deliver what is due, each thing once in this round; answers alerts.delivery."""
    try:
        with open_records(settings.records) as connection:
            delivered = _deliver_due(connection, settings)
            rows = connection.execute(WAITING).fetchall()
    except CouldNotTell as away:
        return DeliveryReport((CheckResult("alerts.delivery", Outcome.UNKNOWN, away.what),), {})
    undelivered, error = rows[0]
    numbers = {"delivered_alerts": delivered, "undelivered_alerts": undelivered}
    answer = acknowledge(_answer(settings, undelivered, error, numbers), settings.acknowledged)
    return DeliveryReport((answer,), numbers)


@dataclass(frozen=True)
class Refusal:
    """Why a route did not take a document, in words that hold neither address nor token; how long it wants to wait."""

    reason: str
    retry_after: float | None = None


def send(route: AlertRouteSettings, document: Mapping[str, Any]) -> Refusal | None:
    """Send one document to a route now; None if it took it."""
    headers = {"Authorization": f"Bearer {route.token}"} if route.token else {}
    try:
        reply = httpx.post(route.url, json=dict(document), headers=headers, timeout=TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Refusal(f"route {route.name} cannot be reached ({type(error).__name__})")
    if reply.is_success:
        return None
    asked = reply.headers.get("Retry-After", "")
    return Refusal(f"route {route.name} answered {reply.status_code}", float(asked) if asked.isdecimal() else None)


def retry_seconds(attempts: int, chance: random.Random, wanted: float | None = None) -> float:
    """How long to wait after so many tries: doubling up to a limit, with jitter; at least what the route asks for.

    What it asks for is capped by the same limit: a page must not wait for an hour because a header says so.
    """
    wait = min(FIRST_RETRY_SECONDS * 2.0 ** min(attempts, 10), LONGEST_RETRY_SECONDS) * chance.uniform(0.5, 1.0)
    return max(wait, min(wanted or 0.0, LONGEST_RETRY_SECONDS))


def _deliver_due(connection: psycopg.Connection[TupleRow], settings: Settings) -> int:
    routes = {route.name: route for route in settings.alert_route}
    chance = random.Random()  # noqa: S311 - jitter, not a secret
    delivered = 0
    while True:
        # One at a time and locked while it is sent, so that two deliverers never send the same at once.
        with connection.transaction():
            row = connection.execute(DUE).fetchone()
            if row is None:
                return delivered
            place = row[:3]
            refusal = _send_row(routes.get(row[1]), settings, row)
            if refusal is None:
                connection.execute(DONE, place)
                delivered += 1
            else:
                wait = retry_seconds(row[3], chance, refusal.retry_after)
                connection.execute(AGAIN, (refusal.reason, wait, *place))


def _send_row(route: AlertRouteSettings | None, settings: Settings, row: TupleRow) -> Refusal | None:
    _, name, event, _, key, severity, title, body, raised_at, times = row
    if route is None:
        return Refusal(f"route {name} is no longer in printflow.toml")
    return send(
        route,
        {
            "event": event,
            "dedup_key": key,
            "severity": severity,
            "title": title,
            "body": body,
            "raised_at": raised_at.isoformat(),
            "times": times,
            "source": settings.platform.name,
            "environment": settings.platform.environment,
        },
    )


def _answer(settings: Settings, undelivered: int, error: str, numbers: Mapping[str, int]) -> CheckResult:
    if not settings.alert_route:
        why = "no alert route is configured: nobody would hear"
        return CheckResult("alerts.delivery", Outcome.WARN, why, numbers, ("alert_route",))
    if undelivered:
        detail = f"{counted(undelivered, 'alert')} did not reach {agreed(undelivered, 'its', 'their')} route: {error}"
        return CheckResult("alerts.delivery", Outcome.FAIL, detail, numbers)
    return CheckResult("alerts.delivery", Outcome.PASS, "every alert reached its route", numbers)
