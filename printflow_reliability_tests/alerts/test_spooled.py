"""Alerts while the records are away: told at least once, in order, by each route at its pace, also after a crash."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.alerts.backoff import LONGEST_RETRY_SECONDS
from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.outbox import Alert
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.alerts.spooled import SpooledAlerts
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.findings import Severity
from printflow_reliability.records.spool import LINES, Spool
from printflow_reliability.records.spool_lines import Entry
from printflow_reliability.settings import AlertRouteSettings
from printflow_reliability_tests.minimal_settings import minimal_settings

SECRET = "https://pager.example/first"
ROUTES = "".join(
    f'[[alert_route]]\nname = "{name}"\nurl = "https://pager.example/{name}"\nmin_severity = "{severity}"\n'
    for name, severity in (("first", "warning"), ("second", "critical"))
)
SETTINGS = minimal_settings(ROUTES).with_secrets([SECRET])


class Pager:
    """Routes that take what they are told, unless they are dead; the time is the test's."""

    def __init__(self, spool: Spool) -> None:
        self.dead: set[str] = set()
        self.poison: set[str] = set()
        self.heard: list[tuple[str, str, str]] = []
        self.messages: list[Message] = []
        self.now = 0.0
        self.spool = spool
        self.alerts = self.begun()

    def begun(self) -> SpooledAlerts:
        """The alerts as a process that begins now sees them."""
        return SpooledAlerts(self.spool, self.send, lambda: self.now)

    def send(self, route: AlertRouteSettings, message: Message) -> Refusal | None:
        if route.name in self.dead:
            return Refusal(f"route {route.name} cannot be reached", stops=True)
        if message.dedup_key in self.poison:
            return Refusal(f"route {route.name} answered 400")
        if message.dedup_key == "defect":
            raise ZeroDivisionError
        self.heard.append((route.name, message.event, message.dedup_key))
        self.messages.append(message)
        return None

    def raise_(self, key: str, severity: Severity = Severity.CRITICAL) -> None:
        self.alerts.keep(self.alerts.raised(SETTINGS, Alert(key, severity, f"{key} {SECRET}", "body")))

    def resolve(self, key: str) -> None:
        self.alerts.keep(self.alerts.resolved(key))

    def deliver(self) -> Outcome:
        return self.alerts.deliver(SETTINGS).checks[0].outcome

    def of(self, route: str) -> list[tuple[str, str]]:
        return [(event, key) for name, event, key in self.heard if name == route]


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[Pager]:
    spool = Spool(tmp_path, 1_000_000)
    yield Pager(spool)
    spool.close()


def test_each_route_hears_once_of_what_it_wants(pager: Pager) -> None:
    pager.raise_("order:1")
    pager.raise_("check:wal.lag", Severity.ERROR)
    pager.raise_("order:1")

    assert pager.deliver() is pager.deliver() is Outcome.PASS
    assert pager.of("first") == [("trigger", "order:1"), ("trigger", "check:wal.lag")]
    assert pager.of("second") == [("trigger", "order:1")]
    assert all(SECRET not in str(message) for message in pager.messages)


def test_an_end_follows_its_beginning_and_never_overtakes_it(pager: Pager) -> None:
    pager.dead = {"first"}
    pager.raise_("order:1")
    pager.deliver()
    pager.resolve("order:1")
    pager.resolve("order:1")
    pager.raise_("order:1")
    pager.deliver()
    pager.dead = set()
    pager.now += LONGEST_RETRY_SECONDS

    assert pager.deliver() is Outcome.PASS
    assert (
        pager.of("first") == pager.of("second") == [(event, "order:1") for event in ("trigger", "resolve", "trigger")]
    )


def test_a_dead_route_keeps_no_other_from_hearing_and_is_left_alone_for_a_while(pager: Pager) -> None:
    pager.dead = {"first"}
    pager.raise_("order:1")
    report = pager.alerts.deliver(SETTINGS)
    pager.dead = set()

    assert report.checks[0].outcome is Outcome.FAIL
    assert "1 alert did not reach its route: route first cannot be reached" in report.checks[0].detail
    assert pager.of("second") == [("trigger", "order:1")]
    assert pager.deliver() is Outcome.FAIL  # too early
    pager.now += LONGEST_RETRY_SECONDS
    assert pager.deliver() is Outcome.PASS


def test_what_was_spooled_is_told_by_the_next_process_and_what_was_told_is_not(pager: Pager) -> None:
    pager.dead = {"second"}
    pager.raise_("order:1")
    pager.deliver()
    pager.dead = set()
    pager.alerts = pager.begun()

    assert pager.alerts.open_keys == {"order:1"}
    assert pager.deliver() is Outcome.PASS
    assert pager.of("first") == pager.of("second") == [("trigger", "order:1")]


def test_a_full_spool_silences_nobody_and_what_it_refused_is_kept_when_there_is_room(
    pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_entries: list[Entry]) -> None:
        raise CouldNotTell("the spool is full")

    with monkeypatch.context() as patch:
        patch.setattr(pager.spool, "append", full)
        pager.raise_("order:1")
        report = pager.alerts.deliver(SETTINGS)
    assert pager.of("first") == [("trigger", "order:1")]
    assert (report.checks[0].outcome, report.checks[0].detail) == (Outcome.FAIL, "the spool is full")

    pager.raise_("order:2")
    assert pager.begun().open_keys == {"order:1", "order:2"}
    assert pager.deliver() is Outcome.PASS


def test_an_alert_that_a_route_does_not_take_keeps_no_other_from_it(pager: Pager) -> None:
    pager.poison = {"odd"}
    for key in ("odd", "order:1"):
        pager.raise_(key)
    pager.resolve("odd")
    assert pager.deliver() is Outcome.FAIL
    assert pager.of("first") == [("trigger", "order:1")]
    pager.poison = set()
    assert pager.deliver() is Outcome.PASS
    assert pager.of("first")[1:] == [("trigger", "odd"), ("resolve", "odd")]


ODD_VALUES: list[object] = [[], {}, 7.5, True]
GOOD: dict[str, object] = {
    "id": "good",
    "kind": "raised",
    "at": "2026-11-28T00:00:00+00:00",
    "key": "order:1",
    "severity": "critical",
    "title": "t",
    "body": "b",
    "count": None,
}


@pytest.mark.parametrize(
    "odd",
    [
        *({"kind": kind} for kind in ("raised", "resolved", "told", "held", "lifted", "of a newer program")),
        *({"kind": "told", "event": event, "route": route} for event, route in (({}, "first"), ("x", ["first"]))),
        *({"kind": kind, "order": ["1"], "key": 7} for kind in ("held", "lifted", "resolved")),
        *({**GOOD, name: value} for name in GOOD for value in ODD_VALUES),
        *({**GOOD, "severity": "fatal"}, {**GOOD, "at": "later"}, {**GOOD, "at": "2026-11-28T00:00:00"}),
        *({**GOOD, "count": -1}, {**GOOD, "count": 10**40}),
    ],
)
def test_an_entry_that_this_program_did_not_write_keeps_no_other_from_being_told(
    pager: Pager, tmp_path: Path, odd: dict[str, object]
) -> None:
    lines = [{"id": "odd", "at": GOOD["at"], **odd}, GOOD]
    (tmp_path / LINES).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    pager.alerts = pager.begun()
    assert pager.deliver() is Outcome.PASS
    assert pager.of("first") == pager.of("second") == [("trigger", "order:1")]
    pager.spool.clear()
    assert len(list(tmp_path.glob("damaged-*"))) == 1


def test_a_defect_is_one_routes_trouble(pager: Pager) -> None:
    pager.raise_("defect")
    report = pager.alerts.deliver(SETTINGS)
    assert "cannot be spoken to (ZeroDivisionError)" in report.checks[0].detail


def test_without_a_route_that_is_said(pager: Pager) -> None:
    pager.raise_("order:1")
    assert pager.alerts.deliver(minimal_settings()).checks[0].outcome is Outcome.WARN


STEPS = st.lists(
    st.tuples(st.sampled_from(["raise", "resolve", "deliver", "die", "first", "second"]), st.integers(1, 3)),
    max_size=40,
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_happens_in_whatever_order_each_route_hears_all_of_it_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), 1_000_000)
    pager, happened, open_keys = Pager(spool), [], set()
    for what, number in steps:
        key = f"order:{number}"
        match what:
            case "raise" if key not in open_keys:
                open_keys.add(key)
                happened.append(("trigger", key))
                pager.raise_(key)
            case "resolve" if key in open_keys:
                open_keys.remove(key)
                happened.append(("resolve", key))
                pager.resolve(key)
            case "deliver":
                pager.deliver()
            case "die":
                pager.alerts = pager.begun()
            case "first" | "second":
                pager.dead ^= {what}
        pager.now += 1
    pager.dead = set()
    pager.now += LONGEST_RETRY_SECONDS
    assert pager.deliver() is Outcome.PASS
    spool.close()

    assert pager.of("first") == pager.of("second") == happened
    assert pager.alerts.open_keys == open_keys
