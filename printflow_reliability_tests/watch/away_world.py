"""A platform, records, a pager and a watcher that go away and come back: all of them fakes."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from printflow_reliability.alerts.folding import Folded
from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.alerts.spooled import SpooledAlerts
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.orders.away import LookAway
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.records.spool import Spool
from printflow_reliability.records.spool_lines import HELD, LIFTED, TOLD, Entry
from printflow_reliability.settings import AlertRouteSettings, Settings
from printflow_reliability.watch.away import StandIn
from printflow_reliability.watch.round import Round
from printflow_reliability.watch.watch import Watch
from printflow_reliability_tests.minimal_settings import minimal_settings

SETTINGS = minimal_settings(
    '[[alert_route]]\nname = "pager"\nurl = "https://pager.example/"\n'
    + "".join(f'[[heartbeat]]\nof = "{part}"\nurl = "https://watcher/{part}"\n' for part in ("guard", "outbox"))
)


class World:
    """A platform, records, a pager and a watcher: all of them fakes that a test takes away and brings back."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.away: PrintflowError | None = None
        self.refusing: PrintflowError | None = None
        """Why records that can be read take no writes."""
        self.pager_dead = False
        self.dies_after_fold = False
        self.broken: set[str] = set()
        self.orders: set[str] = set()
        self.now = 0.0
        self.heard: list[tuple[str, str]] = []
        self.beats: list[str] = []
        self.taken: list[Entry] = []
        self.recorded: set[str] = set()
        """Orders that the records hold."""
        self.with_records = 0
        self.begin()

    def begin(self) -> None:
        """A process of the watch begins, where an earlier one may have been killed."""
        self.spool = Spool(self.directory, 10_000_000)
        stand_in = StandIn.of(self.spool)
        stand_in.alerts = SpooledAlerts(self.spool, self.send, lambda: self.now)
        self.watch = Watch("watch", stand_in, Heartbeats(self.beat, lambda: self.now))

    def die(self) -> None:
        self.spool.close()
        self.begin()

    def send(self, _route: AlertRouteSettings, message: Message) -> Refusal | None:
        if self.pager_dead:
            return Refusal("route pager cannot be reached", stops=True)
        self.heard.append((message.event, message.dedup_key))
        return None

    def beat(self, address: str, _body: str) -> str:
        self.beats.append(address.removeprefix("https://watcher/"))
        return ""

    @contextmanager
    def open_records(self, _records: object) -> Iterator[None]:
        if self.away:
            raise self.away
        yield None

    def fold(
        self, _records: None, _settings: Settings, entries: Iterable[Entry], others: Mapping[str, object]
    ) -> Folded:
        """What alerts/folding.py does, with a list for a database: each entry once."""
        assert set(others) == {HELD, LIFTED}
        if self.refusing:
            raise self.refusing
        known = {found["id"] for found in self.taken}
        new = [found for found in entries if found["kind"] != TOLD and found["id"] not in known]
        self.taken += new
        for found in new:
            if found["kind"] == HELD:
                self.recorded.add(found["order"])
            elif found["kind"] == LIFTED:
                self.recorded.discard(found["order"])
        if self.dies_after_fold:
            self.dies_after_fold = False
            raise KilledError
        return Folded(len(new))

    def look(self, *_given: object) -> LookAway:
        answers = tuple(
            OrderAnswer(
                order, "t", None, (Problem(Kind.UNLINKED, None, "never linked"),) if order in self.broken else ()
            )
            for order in sorted(self.orders)
        )
        outcome = Outcome.FAIL if self.broken else Outcome.PASS
        return LookAway(answers, CheckResult("orders.artwork", outcome, "as it is"))

    def round_with_records(self, _settings: Settings, _holder: str, _beats: Heartbeats, *, once: bool = False) -> Round:
        """What the guard does with its records."""
        assert not once
        if self.refusing:
            raise self.refusing
        self.with_records += 1
        self.recorded = (self.recorded | self.broken) - (self.orders - self.broken)
        return Round(Outcome.PASS, "with records", 10, {})

    def go_round(self) -> Round:
        self.now += 10.0
        return self.watch.go_round(SETTINGS)

    def triggers(self, order: str) -> int:
        return self.heard.count(("trigger", f"order:{order}"))


class KilledError(BaseException):
    """A process ends between two of its acts."""
