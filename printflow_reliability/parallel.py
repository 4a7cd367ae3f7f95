"""One parallel runner: tasks in threads, results in order, nothing left running when a person interrupts."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from printflow_reliability.errors import CouldNotTell

GRACE_SECONDS = 3.0
"""How long an interrupted task may take to end; one that waits for a server that never answers is left behind."""
WAKE_SECONDS = 0.2
Result = TypeVar("Result")


def run_parallel(
    tasks: Sequence[Callable[[], Result]], *, give_up: Callable[[], None] | None = None, workers: int | None = None
) -> list[Result]:
    """Run every task in a thread and return their results in order.

    All end before this returns. If several fail, one that is certain is raised rather than a "could not tell".

    Args:
        tasks: what to do.
        give_up: called again and again, when interrupted, until the tasks have ended because of it; None where they
            end soon by themselves.
        workers: how many run at a time, the first ones first; all if None.
    """
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}
    waiting: SimpleQueue[tuple[int, Callable[[], Result]]] = SimpleQueue()
    for numbered in enumerate(tasks):
        waiting.put(numbered)
    interrupted = threading.Event()
    # Not the threads' own word: a join that Ctrl-C interrupts marks its thread as ended, though it runs on.
    ended: list[threading.Event] = []

    def work(end: threading.Event) -> None:
        try:
            take()
        finally:
            end.set()

    def take() -> None:
        while not interrupted.is_set():
            try:
                number, task = waiting.get_nowait()
            except Empty:
                return
            try:
                results[number] = task()
            except BaseException as error:  # raised below, where somebody waits for it
                errors[number] = error

    try:
        for _ in range(min(workers or len(tasks), len(tasks))):
            end = threading.Event()
            # Daemons, so that one that hangs does not keep the program from its end.
            thread = threading.Thread(target=work, args=(end,), daemon=True)
            ended.append(end)
            thread.start()
        for end in ended:
            # A signal that another thread took, as while this one started the next, is acted upon only once we wake.
            while not end.wait(WAKE_SECONDS):
                pass
    except BaseException:  # Ctrl-C and the like
        interrupted.set()
        deadline = time.monotonic() + GRACE_SECONDS
        while not all(end.is_set() for end in ended) and time.monotonic() < deadline:
            # A second, impatient signal must not leave a task running beside whoever removes what it works on.
            with suppress(BaseException):
                if give_up is not None:
                    give_up()
                time.sleep(0.2)
        raise
    if errors:
        in_order = (errors[number] for number in sorted(errors))
        raise min(in_order, key=lambda error: isinstance(error, CouldNotTell))
    return [results[number] for number in range(len(tasks))]
