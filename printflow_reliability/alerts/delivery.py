"""Delivering the outbox: at least once to each route and in order, the routes side by side, each at its own pace."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.alerts.route_round import RouteRound
from printflow_reliability.alerts.route_trouble import Trouble, busy_routes, troubles
from printflow_reliability.alerts.upkeep import keep_up
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings
from printflow_reliability.text import agreed, counted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeliveryReport:
    """What one round of delivery did."""

    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, int | float]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"ok": self.checks[0].outcome is Outcome.PASS, **self.numbers, "detail": self.checks[0].detail}


def deliver(settings: Settings) -> DeliveryReport:
    """Deliver what is due, each thing once to each route in this round; answers alerts.delivery.

    It lasts as long as the slowest route, which is some 20 s at most: a route that hangs then waits for its next try.
    """
    try:
        with open_records(settings.records) as connection:
            keep_up(connection, settings)
            busy = busy_routes(connection)
            rounds = [RouteRound(settings, route) for route in settings.alert_route if route.name in busy]
            delivered = sum(run_parallel([partial(_round, each_round) for each_round in rounds]))
            found = troubles(connection)
    except CouldNotTell as away:
        return DeliveryReport((CheckResult("alerts.delivery", Outcome.UNKNOWN, away.what),), {})
    numbers = {"delivered_alerts": delivered, "undelivered_alerts": sum(trouble.waiting for trouble in found)}
    answer = acknowledge(_answer(settings, found, numbers), settings.acknowledged)
    return DeliveryReport((answer,), numbers)


def _round(route_round: RouteRound) -> int:
    try:
        with open_records(route_round.settings.records, known_current=True) as connection:
            return route_round.deliver(connection)
    except psycopg.errors.IdleInTransactionSessionTimeout:
        log.warning("this process stood still while it sent an alert by route %s", route_round.route.name)
        return 0


def _answer(settings: Settings, found: Sequence[Trouble], numbers: Mapping[str, int]) -> CheckResult:
    answer: Callable[..., CheckResult] = partial(CheckResult, "alerts.delivery")
    if not settings.alert_route:
        return answer(Outcome.WARN, "no alert route is configured: nobody would hear", numbers, ("alert_route",))
    if found:
        undelivered = numbers["undelivered_alerts"]
        reasons = "; ".join(trouble.reason for trouble in found)
        detail = f"{counted(undelivered, 'alert')} did not reach {agreed(undelivered, 'its', 'their')} route: {reasons}"
        return answer(Outcome.FAIL, detail, numbers)
    return answer(Outcome.PASS, "every alert reached its route", numbers)
