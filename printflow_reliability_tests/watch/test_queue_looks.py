"""Looks at the queues beside the rounds: on time, one at a time, and nobody waits for them."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.queues import turn as queues_turn_module
from printflow_reliability.queues.look import QueuesReport
from printflow_reliability.queues.turn import INTERVAL_SECONDS, are_watched
from printflow_reliability.records.leases import Lease
from printflow_reliability.settings import Settings
from printflow_reliability.watch.queue_looks import QueueLooks
from printflow_reliability_tests.minimal_settings import minimal_settings

WATCHED = minimal_settings(
    '[[redis]]\nname = "jobs"\nurl = "redis://127.0.0.1:1/0"\n'
    '[[heartbeat]]\nof = "queues"\nurl = "https://watcher/queues"\n'
)


class World:
    """A clock, a lease that may be another's, and looks that may hang or fail."""

    def __init__(self) -> None:
        self.now = 0.0
        self.other = ""
        self.trouble: Exception | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.looking = threading.Event()
        self.began = 0
        self.recorded: list[str] = []
        self.heard: list[str] = []
        self.looks = QueueLooks("watch", Heartbeats(self.watcher), lambda: self.now)

    @contextmanager
    def on_duty(self, _records: object, name: str, holder: str, _lasting: float) -> Iterator[Lease]:
        yield Lease(name, self.other or holder, not self.other, 4.0)

    def look(self, _settings: Settings) -> QueuesReport:
        self.began += 1
        self.looking.set()
        self.goes_on.wait(20)
        if self.trouble:
            raise self.trouble
        return QueuesReport(checks=(CheckResult("queues.age", Outcome.FAIL, "a job waits"),))

    def record(self, _settings: Settings, results: tuple[CheckResult, ...], *, alert: bool) -> None:
        assert alert
        self.recorded += [answer.check for answer in results]

    def watcher(self, address: str, _body: str) -> str:
        self.heard.append(address.removeprefix("https://watcher/"))
        return ""

    def rounds(self, seconds: int, settings: Settings = WATCHED) -> None:
        """Rounds of ten seconds each, every look of which has ended unless it hangs."""
        for _ in range(seconds // 10):
            self.looks.begin_if_due(settings)
            if self.goes_on.is_set():
                for thread in threading.enumerate():
                    if thread.name == "queues":
                        thread.join(20)
            self.now += 10


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> World:
    caplog.set_level(logging.INFO)
    world = World()
    monkeypatch.setattr(queues_turn_module, "on_duty", world.on_duty)
    monkeypatch.setattr(queues_turn_module, "check_queues", world.look)
    monkeypatch.setattr(queues_turn_module, "record_results", world.record)
    return world


def test_a_look_each_minute_is_recorded_and_its_watcher_hears(world: World) -> None:
    world.rounds(2 * INTERVAL_SECONDS)
    assert world.began == 2
    assert world.recorded == ["queues.age"] * 2
    assert world.heard == ["queues/start", "queues"]  # twice a minute at most


def test_a_platform_that_names_no_queue_is_not_looked_at(world: World) -> None:
    assert not are_watched(minimal_settings())
    world.rounds(2 * INTERVAL_SECONDS, minimal_settings())
    assert world.began == 0


def test_a_look_that_hangs_keeps_no_round_waiting_and_is_not_joined_by_another(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.goes_on.clear()
    world.rounds(3 * INTERVAL_SECONDS)
    assert world.looking.wait(20)
    assert world.began == 1
    assert "the look before has not ended yet" in caplog.text
    world.goes_on.set()
    world.rounds(INTERVAL_SECONDS)
    assert world.began == 2


def test_where_another_has_the_lease_nobody_looks_twice(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.other = "Dagster on host"
    world.rounds(INTERVAL_SECONDS)
    assert (world.began, world.recorded) == (0, [])
    assert "stands by: Dagster on host has the lease" in caplog.text


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (CouldNotTell("the records database does not answer"), "the records database does not answer"),
        (ZeroDivisionError("no such thing"), "ZeroDivisionError"),
    ],
)
def test_a_look_that_fails_is_said_and_the_next_one_comes(
    world: World, caplog: pytest.LogCaptureFixture, trouble: Exception, said: str
) -> None:
    world.trouble = trouble
    world.rounds(INTERVAL_SECONDS)
    assert said in caplog.text
    assert world.heard == ["queues/start", "queues/fail"]
    world.trouble = None
    world.rounds(INTERVAL_SECONDS)
    assert world.recorded == ["queues.age"]
