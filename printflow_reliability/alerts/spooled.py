"""Alerts while the records are away: kept in the spool, told to the routes from there, and known by the same keys.

A spool that is full silences nobody: what it does not take is told from memory.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from printflow_reliability.alerts.backoff import retry_seconds
from printflow_reliability.alerts.delivery import DeliveryReport
from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.outbox import Alert, accepts
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.alerts.routes.sending import attempt, send
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.findings import Severity
from printflow_reliability.parallel import run_parallel
from printflow_reliability.records.spool import Spool, entry
from printflow_reliability.records.spool_lines import RAISED, RESOLVED, TOLD, Entry
from printflow_reliability.settings import AlertRouteSettings, Settings
from printflow_reliability.text import agreed, counted, storable

log = logging.getLogger(__name__)

ROUND_SECONDS = 10.0
"""How long one round goes on to tell a route more."""
REFUSED_IN_A_ROW = 3
"""So many refusals one after another are the route's matter, and not those alerts'."""
Sender = Callable[[AlertRouteSettings, Message], Refusal | None]


@dataclass
class _Pace:
    """When a route that refused is asked again."""

    refusals: int = 0
    next_at: float = 0.0
    reason: str = ""


@dataclass
class SpooledAlerts:
    """The alerts of a spool, and what each route was told of them."""

    spool: Spool
    send: Sender = send
    clock: Callable[[], float] = time.monotonic
    trouble: str = ""
    """Why the spool does not take more; empty while it does."""
    _events: list[Entry] = field(default_factory=list)
    _unspooled: list[Entry] = field(default_factory=list)
    _told: set[tuple[str, str]] = field(default_factory=set)
    _pace: dict[str, _Pace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What was spooled before this process began counts."""
        for found in self.spool.read():
            self._take_in(found)

    @property
    def open_keys(self) -> frozenset[str]:
        """The keys of the alerts that were raised here and not resolved."""
        return frozenset(self._open())

    @property
    def events(self) -> Sequence[Entry]:
        """Every entry but those that say who was told, oldest first, also those that the spool did not take."""
        return self._events

    def keep(self, entries: Sequence[Entry]) -> None:
        """Spool these entries, all or none; what the spool does not take is kept in memory."""
        if not entries:
            return
        for found in entries:
            self._take_in(found)
        self._unspooled += entries
        try:
            self.spool.append(self._unspooled)
        except CouldNotTell as full:
            log.error("%s", full.sentence)
            self.trouble = full.what
        else:
            self._unspooled.clear()
            self.trouble = ""

    def raised(self, settings: Settings, alert: Alert) -> list[Entry]:
        """The entry by which an alert is raised; none where it is open."""
        if alert.dedup_key in self._open():
            return []
        fields = {
            "key": alert.dedup_key,
            "severity": str(alert.severity),
            "title": storable(settings.redact(alert.title)),
            "body": storable(settings.redact(alert.body)),
            "count": alert.count,
        }
        return [entry(RAISED, **fields)]

    def resolved(self, key: str) -> list[Entry]:
        """The entry by which an alert that was raised here is resolved; none where it is not open."""
        return [entry(RESOLVED, key=key)] if key in self._open() else []

    def deliver(self, settings: Settings) -> DeliveryReport:
        """Tell each route what it was not told yet, in order, the routes side by side; answers alerts.delivery."""
        tasks = [partial(self._tell, settings, route) for route in settings.alert_route]
        told = [found for answers in run_parallel(tasks) for found in answers] if tasks else []
        self.keep(told)
        waiting = sum(len(self._due(route)) for route in settings.alert_route)
        numbers = {"delivered_alerts": len(told), "undelivered_alerts": waiting}
        return DeliveryReport((self._answer(settings, waiting, numbers),), numbers)

    def forget(self) -> None:
        """The records have taken everything over."""
        self._events.clear()
        self._unspooled.clear()
        self.trouble = ""
        self._told.clear()

    def all_entries(self) -> list[Entry]:
        """Every entry, also those that the spool did not take, oldest first, and then what was told."""
        told = [entry(TOLD, event=event, route=route) for event, route in sorted(self._told)]
        return [*self._events, *told]

    def _take_in(self, found: Entry) -> None:
        if found["kind"] == TOLD:
            self._told.add((found["event"], found["route"]))
        else:
            self._events.append(found)

    def _open(self) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for event in self._events:
            if event["kind"] == RAISED:
                found[event["key"]] = event
            elif event["kind"] == RESOLVED:
                found.pop(event["key"], None)
        return found

    def _due(self, route: AlertRouteSettings) -> list[tuple[Entry, Entry]]:
        """What a route is to hear, in order, each with the entry that raised its alert."""
        due: list[tuple[Entry, Entry]] = []
        raised: dict[str, Entry] = {}
        for event in self._events:
            if event["kind"] == RAISED:
                raised[event["key"]] = event
            elif event["kind"] != RESOLVED:
                continue
            beginning = raised.get(event["key"])
            if beginning is not None and accepts(route, Severity(beginning["severity"])):
                due.append((event, beginning))
        return [(event, beginning) for event, beginning in due if (event["id"], route.name) not in self._told]

    def _tell(self, settings: Settings, route: AlertRouteSettings) -> list[Entry]:
        pace = self._pace.setdefault(route.name, _Pace())
        began = self.clock()
        told: list[Entry] = []
        refused: set[str] = set()
        if began < pace.next_at:
            return told
        for event, beginning in self._due(route):
            if event["key"] in refused:  # what comes after it in its subject must not overtake it
                continue
            if self.clock() - began > ROUND_SECONDS:
                break
            refusal = attempt(route, partial(self.send, route), _message(settings, event, beginning))
            if refusal is None or refusal.reached_some:
                told.append(entry(TOLD, event=event["id"], route=route.name))
                pace = self._pace[route.name] = _Pace()
                continue
            refused.add(event["key"])
            pace.refusals, pace.reason = pace.refusals + 1, refusal.reason
            if refusal.stops or pace.refusals >= REFUSED_IN_A_ROW:
                chance = random.Random()  # noqa: S311 - jitter, not a secret
                pace.next_at = self.clock() + retry_seconds(pace.refusals, chance, refusal.retry_after)
                break
        return told

    def _answer(self, settings: Settings, waiting: int, numbers: Mapping[str, int]) -> CheckResult:
        if not settings.alert_route:
            why = "no alert route is configured: nobody would hear"
            return CheckResult("alerts.delivery", Outcome.WARN, why, numbers, ("alert_route",))
        if waiting:
            reasons = "; ".join(sorted({pace.reason for pace in self._pace.values() if pace.reason}))
            detail = f"{counted(waiting, 'alert')} did not reach {agreed(waiting, 'its', 'their')} route: {reasons}"
            return CheckResult("alerts.delivery", Outcome.FAIL, detail, numbers)
        if self.trouble:
            return CheckResult("alerts.delivery", Outcome.FAIL, self.trouble, numbers)
        return CheckResult("alerts.delivery", Outcome.PASS, "every alert of the spool reached its route", numbers)


def _message(settings: Settings, event: Entry, beginning: Entry) -> Message:
    ended = event["kind"] == RESOLVED
    return Message(
        why="resolve" if ended else "trigger",
        dedup_key=beginning["key"],
        severity=beginning["severity"],
        title=beginning["title"],
        body=beginning["body"],
        raised_at=datetime.fromisoformat(beginning["at"]),
        source=settings.platform.name,
        environment=settings.platform.environment,
        count=beginning.get("count") or 1,
        resolved_at=datetime.fromisoformat(event["at"]) if ended else None,
    )
