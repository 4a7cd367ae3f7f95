"""Signals during a drill: the first one ends it, the others are told to wait, and each handler is put back."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from printflow_reliability.restore.interrupts import ENDING, Interrupts


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("first", ENDING)
@pytest.mark.parametrize("second", ENDING)
def test_the_first_signal_interrupts_and_the_second_one_is_told_to_wait(
    first: signal.Signals, second: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    signals = Interrupts()
    with signals.obeyed():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), first)
        assert signals.received == first.name
        os.kill(os.getpid(), second)
    assert "is being removed" in capfd.readouterr().err
    assert [signal.getsignal(number) for number in ENDING] == [
        signal.default_int_handler,
        signal.SIG_DFL,
        signal.SIG_DFL,
    ]


def test_while_signals_are_held_none_ends_anything_whoever_handles_them_otherwise() -> None:
    told: list[int] = []

    def other_handler(number: int, _frame: object) -> None:
        told.append(number)

    signal.signal(signal.SIGTERM, other_handler)
    signals = Interrupts()
    with signals.obeyed():
        os.kill(os.getpid(), signal.SIGTERM)
        signals.hold()
        for number in ENDING:
            os.kill(os.getpid(), number)
    assert (told, signals.received) == ([signal.SIGTERM], None)
    assert signal.getsignal(signal.SIGTERM) is other_handler


def test_a_signal_that_is_ignored_as_under_nohup_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals = Interrupts()
    with signals.obeyed():
        os.kill(os.getpid(), signal.SIGHUP)
        signals.hold()
        os.kill(os.getpid(), signal.SIGHUP)
    assert signals.received is None


def test_outside_of_the_main_thread_nothing_is_touched() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def drill() -> None:
        signals = Interrupts()
        with signals.obeyed():
            signals.hold()

    thread = threading.Thread(target=drill)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
