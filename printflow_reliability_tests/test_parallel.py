"""Work on several clusters at once: results in order, the certain error first, and an interrupt that does not wait."""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.parallel import run_parallel
from printflow_reliability.programs import ProgramFailed, Programs


def raising(error: Exception) -> Callable[[], int]:
    def task() -> int:
        raise error

    return task


def test_results_come_in_the_order_of_the_tasks_however_many_work() -> None:
    def task(number: int) -> int:
        time.sleep(0.02 * (5 - number))
        return number

    tasks = [partial(task, number) for number in range(5)]
    for workers in (None, 1, 2, 9):
        assert run_parallel(tasks, workers=workers) == [0, 1, 2, 3, 4]
    assert run_parallel([]) == []


def test_an_error_that_is_certain_is_raised_rather_than_one_that_could_not_tell() -> None:
    ended: list[int] = []

    def ends() -> int:
        ended.append(1)
        return 1

    tasks = [raising(CouldNotTell("away")), raising(Refused("certain")), ends]
    with pytest.raises(Refused, match="certain"):
        run_parallel(tasks)
    assert ended == [1]


def test_an_interrupt_waits_for_tasks_that_can_be_given_up_and_not_for_one_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("printflow_reliability.parallel.GRACE_SECONDS", 1.0)
    given_up, ended = threading.Event(), threading.Event()

    def can_be_ended() -> bool:
        given_up.wait(30)
        ended.set()
        return True

    hanging = threading.Event()
    began = time.monotonic()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_parallel([can_be_ended, lambda: hanging.wait(60)], give_up=given_up.set)
    finally:
        timer.join()
        hanging.set()
    assert ended.is_set()
    assert time.monotonic() - began < 30


def test_a_second_interrupt_leaves_no_task_that_can_be_given_up_running() -> None:
    impatient = [KeyboardInterrupt(), KeyboardInterrupt()]
    given_up = threading.Event()

    def give_up() -> None:
        if impatient:
            raise impatient.pop()
        given_up.set()

    def task() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        given_up.wait(30)

    with pytest.raises(KeyboardInterrupt):
        run_parallel([task], give_up=give_up)
    assert given_up.is_set()
    assert not impatient


@pytest.mark.parametrize("tasks", [1, 2, 5])
@pytest.mark.stack
def test_an_interrupt_ends_the_programs_that_tasks_wait_for_and_those_that_they_start_next(tasks: int) -> None:
    programs = Programs(run_as="nobody")
    ended: list[str] = []

    def task() -> None:
        for _ in range(2):
            with pytest.raises(ProgramFailed, match="exit code -9"):
                programs.run(["sh", "-c", "sleep 60 & wait"], timeout=60)
            ended.append("ended")

    began = time.monotonic()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_parallel([task] * tasks, give_up=programs.end_running)
    finally:
        timer.join()
    assert time.monotonic() - began < 30
    assert ended == ["ended"] * 2 * tasks


def test_ending_what_runs_where_nothing_runs_does_nothing() -> None:
    programs = Programs(run_as="nobody")
    programs.run(["true"], timeout=10)
    programs.end_running()


def test_an_interrupt_that_another_thread_takes_ends_all_the_same() -> None:
    ended = threading.Event()

    def task() -> None:
        time.sleep(0.5)  # until whoever runs it waits
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        assert ended.wait(60)

    with pytest.raises(KeyboardInterrupt):
        run_parallel([task], give_up=ended.set)
    assert ended.is_set()
