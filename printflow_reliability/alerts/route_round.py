"""One round of one route: each alert that is due is tried once, in order, until the route stops or its time is over."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts import backoff
from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.route_trouble import tell_of
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.alerts.routes.sending import Sender, attempt, sending
from printflow_reliability.findings import Severity
from printflow_reliability.settings import AlertRouteSettings, Settings

START_SECONDS = 10.0
"""How long a round goes on to begin with further alerts; the last one may take the time limit of an alert besides."""
REFUSED_IN_A_ROW = 3
"""So many alerts were refused one after another that this is the route's matter, and not theirs."""
LONGEST_SENDING_SECONDS = 60.0
"""Longer than a route may take. A process that is stopped in between keeps its alert from no other for longer."""
LIMIT = "SELECT set_config('idle_in_transaction_session_timeout', %s, true)"
# In the order of a subject, whatever else goes first: what fails waits, and what comes after it in its subject.
DUE = """
SELECT d.id, d.attempts, d.event, a.dedup_key, a.severity, a.title, a.body, a.raised_at, a.times, a.tally, a.resolved_at
FROM deliveries d JOIN alerts a ON a.id = d.alert_id
WHERE d.route = %(route)s AND d.delivered_at IS NULL AND d.withdrawn IS NULL
  AND (d.next_attempt_at <= %(began)s OR d.next_attempt_at > %(began)s + make_interval(secs => %(ahead)s))
  AND NOT EXISTS (SELECT FROM deliveries e WHERE e.route = d.route AND e.subject = d.subject AND e.id < d.id
                  AND e.delivered_at IS NULL AND e.withdrawn IS NULL)
  AND (d.event = 'resolve' OR NOT EXISTS (SELECT FROM alert_silences s
                                          WHERE s.dedup_key = d.subject AND s.until > %(began)s))
ORDER BY d.attempts > 0, array_position(%(severities)s, a.severity) DESC, d.id
FOR UPDATE OF d SKIP LOCKED LIMIT 1"""
DONE = "UPDATE deliveries SET attempts = attempts + 1, delivered_at = now(), last_error = %s WHERE id = %s"
AGAIN = """
UPDATE deliveries SET attempts = attempts + 1, last_error = %s,
                      next_attempt_at = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s"""
NOTE = "UPDATE deliveries SET last_error = %s WHERE id = %s"


@dataclass
class _Tally:
    delivered: int = 0
    refused_in_a_row: int = 0
    refused: bool = False


@dataclass(frozen=True)
class RouteRound:
    """A round of one route, with what tests replace: its clock, its chance, and what sends."""

    settings: Settings
    route: AlertRouteSettings
    clock: Callable[[], float] = time.monotonic
    chance: random.Random = field(default_factory=random.Random)
    sending: Callable[[AlertRouteSettings], AbstractContextManager[Sender]] = sending

    def deliver(self, connection: psycopg.Connection[TupleRow]) -> int:
        """Deliver what is due, unless the route is still left alone; says how many alerts it took."""
        state = backoff.state_of(connection, self.route.name)
        if state.waits:
            return 0
        tally = _Tally()
        # By the database's clock: what fails is due again after this, however short its wait.
        ((began,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        until = self.clock() + START_SECONDS
        with self.sending(self.route) as send:
            while self.clock() < until:
                # One at a time and locked while it is sent, so that two deliverers never send the same at once.
                with connection.transaction():
                    if not self._next(connection, send, began, state, tally):
                        break
        tell_of(connection, self.settings, self.route.name, refused=tally.refused)
        return tally.delivered

    def _next(
        self,
        connection: psycopg.Connection[TupleRow],
        send: Sender,
        began: datetime,
        state: backoff.RouteState,
        tally: _Tally,
    ) -> bool:
        """Try the next alert; says whether the round goes on."""
        given = {
            "route": self.route.name,
            "began": began,
            "severities": list(Severity),
            "ahead": backoff.AHEAD_SECONDS,
        }
        connection.execute(LIMIT, (f"{LONGEST_SENDING_SECONDS * 1000:.0f}",))
        row = connection.execute(DUE, given).fetchone()
        if row is None:
            return False
        number, attempts = row[:2]
        refusal = attempt(self.route, send, self._message(row))
        if refusal is None or refusal.reached_some:
            connection.execute(DONE, (refusal.reason if refusal else None, number))
            backoff.works(connection, self.route.name)
            tally.delivered += 1
            tally.refused_in_a_row = 0
            return True
        tally.refused = True
        tally.refused_in_a_row += 1
        if refusal.blames:
            wait = backoff.retry_seconds(attempts, self.chance, refusal.retry_after)
            connection.execute(AGAIN, (refusal.reason, wait, number))
        else:
            connection.execute(NOTE, (refusal.reason, number))
        return not self._stopped(connection, refusal, state, tally)

    def _stopped(
        self, connection: psycopg.Connection[TupleRow], refusal: Refusal, state: backoff.RouteState, tally: _Tally
    ) -> bool:
        """Whether the route is not asked any more in this round; it is then left alone for a while."""
        if not refusal.stops and tally.refused_in_a_row < REFUSED_IN_A_ROW:
            return False
        # A route that took something a moment ago begins anew.
        failures = 0 if tally.delivered else state.failures
        wait = backoff.retry_seconds(failures, self.chance, refusal.retry_after)
        backoff.failed(connection, self.route.name, refusal.reason, wait)
        return True

    def _message(self, row: TupleRow) -> Message:
        _, _, event, key, severity, title, body, raised_at, times, tally, resolved_at = row
        return Message(
            why=event,
            dedup_key=key,
            severity=severity,
            title=title,
            body=body,
            raised_at=raised_at,
            source=self.settings.platform.name,
            environment=self.settings.platform.environment,
            times=times,
            count=tally,
            resolved_at=resolved_at if event == "resolve" else None,
        )
