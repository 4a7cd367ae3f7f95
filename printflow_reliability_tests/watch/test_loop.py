"""The watch's rounds: on time, surviving whatever a round meets, and ended by a signal in good order."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.watch.diary import SAID_AGAIN_AFTER, Diary
from printflow_reliability.watch.loop import ended_by_signals, keep_watch
from printflow_reliability.watch.round import INTERVAL_SECONDS, Round


class Over(BaseException):
    """The end of a test's watch."""


@dataclass
class Clock:
    """Time that passes only where a test lets it; the watch is over after so many pauses."""

    pauses: int
    now: float = 0.0
    waited: list[float] = field(default_factory=list)
    alive: int = 0

    def beat(self) -> None:
        self.alive += 1

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds
        if len(self.waited) == self.pauses:
            raise Over


def quiet(said: str = "all is well", again_in: float = INTERVAL_SECONDS) -> Round:
    return Round(Outcome.PASS, said, again_in, {})


def watched(clock: Clock, go_round: Callable[[], Round]) -> list[Exception]:
    defects: list[Exception] = []
    with pytest.raises(Over):
        keep_watch(go_round, defect=defects.append, clock=lambda: clock.now, pause=clock.pause, alive=clock.beat)
    return defects


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    with caplog.at_level(logging.INFO, logger="printflow_reliability"):
        yield lambda: [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def test_a_round_begins_on_time_however_long_the_last_one_took() -> None:
    clock = Clock(pauses=3)

    def slow() -> Round:
        clock.now += 4.0
        return quiet()

    assert watched(clock, slow) == []
    assert clock.waited == [INTERVAL_SECONDS - 4.0] * 3


def test_a_round_that_took_longer_is_followed_at_once() -> None:
    clock = Clock(pauses=1)

    def very_slow() -> Round:
        clock.now += 40.0
        return quiet()

    watched(clock, very_slow)
    assert clock.waited == [0.0]


def test_who_stands_by_comes_back_when_the_lease_of_the_other_ends() -> None:
    clock = Clock(pauses=1)
    watched(clock, lambda: quiet(again_in=3.0))
    assert clock.waited == [3.0]


@pytest.mark.parametrize(
    ("met", "defects"),
    [(CouldNotTell("the records database cannot be reached", "is it running?"), 0), (ZeroDivisionError("x"), 1)],
)
def test_whatever_a_round_meets_the_next_one_comes(
    met: Exception, defects: int, lines: Callable[[], list[str]]
) -> None:
    clock = Clock(pauses=2)
    rounds = iter([met, None])

    def unlucky() -> Round:
        error = next(rounds)
        if error is not None:
            raise error
        return quiet()

    assert len(watched(clock, unlucky)) == defects
    assert clock.alive == 2
    first, second = lines()
    assert first.startswith("ERROR ")
    assert second == "INFO all is well"


def test_what_stays_the_same_is_said_once_and_then_now_and_then(lines: Callable[[], list[str]]) -> None:
    diary = Diary()
    for _ in range(SAID_AGAIN_AFTER + 1):
        diary.tell(Outcome.PASS, "all is\nwell")
    diary.tell(Outcome.FAIL, "1 paid order must not go to print")

    assert lines() == ["INFO all is well", "INFO all is well", "ERROR 1 paid order must not go to print"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_the_watch_and_a_second_does_not_disturb_its_end(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    in_order = False
    with ended_by_signals():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        in_order = True

    assert in_order
    assert signal.getsignal(number) is before
