"""Records of their own for tests of the outbox, routes that answer as a test says, and what these were told."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.outbox import Alert, raise_alert, resolve_alert
from printflow_reliability.alerts.route_round import RouteRound
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.alerts.routes.sending import Sender
from printflow_reliability.alerts.upkeep import keep_up
from printflow_reliability.findings import Severity
from printflow_reliability.records.database import connect
from printflow_reliability.records.migration import migrate
from printflow_reliability.settings import AlertRouteSettings, AlertsSettings, Settings
from printflow_reliability_tests.stack.plain import plain_cluster
from printflow_reliability_tests.stack.plain_settings import settings_of

Answering = Callable[[str, Message], Refusal | None]
DOWN = Refusal("route is down", stops=True, blames=False)
BUSY = Refusal("route is busy", retry_after=60.0, stops=True, blames=False)
WRONG = Refusal("route answered 400")


def named(*names: str, **more: Any) -> tuple[AlertRouteSettings, ...]:
    """Webhooks of these names that lead nowhere."""
    return tuple(AlertRouteSettings(name=name, url="http://127.0.0.1:1/", **more) for name in names)


@dataclass
class Outbox:
    """An outbox in records of its own; `told` is what each route took, in its order."""

    settings: Settings
    connection: psycopg.Connection[TupleRow]
    told: list[tuple[str, Message]] = field(default_factory=list)
    tried: list[tuple[str, Message]] = field(default_factory=list)

    def routes(self, routes: Sequence[AlertRouteSettings], escalate_minutes: float = 1_000_000) -> None:
        """Have these routes in the file; nothing is escalated unless a test wants it."""
        changed = {"alert_route": tuple(routes), "alerts": AlertsSettings(escalate_minutes=escalate_minutes)}
        self.settings = self.settings.model_copy(update=changed)

    def clear(self) -> None:
        """Forget everything."""
        for table in ("alerts", "alert_routes", "alert_silences"):
            self.connection.execute(f"DELETE FROM {table}")
        self.told.clear()
        self.tried.clear()

    def raised(self, key: str = "check:wal.lag", severity: Severity = Severity.CRITICAL, **more: Any) -> int:
        """Raise an alert."""
        return raise_alert(self.connection, self.settings, Alert(key, severity, f"{key} is wrong", "see", **more))

    def resolved(self, key: str = "check:wal.lag") -> bool:
        """Resolve an alert."""
        return resolve_alert(self.connection, self.settings, key)

    def round(self, answer: Answering = lambda _route, _message: None, **more: Any) -> int:
        """One round of every route, one after another; says how many alerts were taken."""

        @contextmanager
        def sending(route: AlertRouteSettings) -> Iterator[Sender]:
            def send(message: Message) -> Refusal | None:
                self.tried.append((route.name, message))
                refusal = answer(route.name, message)
                if refusal is None or refusal.reached_some:
                    self.told.append((route.name, message))
                return refusal

            yield send

        keep_up(self.connection, self.settings)
        rounds = [RouteRound(self.settings, route, sending=sending, **more) for route in self.settings.alert_route]
        return sum(route_round.deliver(self.connection) for route_round in rounds)

    def later(self, minutes: float = 60) -> None:
        """Let time pass: everything that is recorded happened so much earlier, or is due so much sooner."""
        for table, columns in {
            "deliveries": ("next_attempt_at",),
            "alert_routes": ("next_attempt_at", "failed_since"),
            "alerts": ("worsened_at", "acknowledged_at", "last_raised_at"),
            "alert_silences": ("until",),
        }.items():
            moved = ", ".join(f"{column} = {column} - make_interval(secs => %(by)s)" for column in columns)
            self.connection.execute(f"UPDATE {table} SET {moved}", {"by": minutes * 60})

    def heard(self, route: str, key: str | None = None) -> list[str]:
        """What a route was told, in its order: why, and the key where all of them are asked for."""
        return [
            message.why if key is not None else f"{message.why} {message.dedup_key}"
            for name, message in self.told
            if name == route and key in (None, message.dedup_key)
        ]


@contextmanager
def an_outbox() -> Iterator[Outbox]:
    """An empty outbox, in a database server of its own."""
    with plain_cluster(archiving=False) as cluster:
        settings = settings_of(cluster, records="postgres")
        migrate(settings.records)
        with connect(settings.records) as connection:
            yield Outbox(settings, connection)
