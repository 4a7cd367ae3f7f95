"""Threads that ask a server side by side, and that nobody waits for once the answer is no longer wanted.

An executor of the standard library waits for its threads when it is left, and once more when the program ends: with a
server that accepts and never answers, Ctrl-C would do nothing until the last request has timed out.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Task = tuple["Future[Any]", Callable[[], Any]]


class Workers:
    """A pool of daemon threads: left in peace it waits for its tasks, left by an error it leaves them behind."""

    def __init__(self, most: int) -> None:
        """Args: the most threads there are at a time; each is started with a task."""
        self._most = most
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._given_up = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._given_up.set()
        for _ in self._threads:
            self._tasks.put(None)
        if kind is None:
            for thread in self._threads:
                thread.join()

    def submit(self, work: Callable[[], R]) -> "Future[R]":
        """Have a thread do the work; the future holds what it returns or raises."""
        future: Future[R] = Future()
        # A copy each, since no two threads may be in the same context.
        self._tasks.put((future, partial(copy_context().run, work)))
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._serve, daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def map(self, ask: Callable[[T], R], what: Iterable[T]) -> Iterator[R]:
        """The answer to each, in order; the first failure is raised, and what was not begun by then is not done."""
        futures = [self.submit(lambda item=item: ask(item)) for item in what]  # type: ignore[misc]
        return (future.result() for future in futures)

    def _serve(self) -> None:
        while task := self._tasks.get():
            future, work = task
            if self._given_up.is_set():
                future.cancel()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # raised where somebody waits for the result
                future.set_exception(error)
