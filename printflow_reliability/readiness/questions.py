"""Questions in threads of their own, each waited for a limited time: one that hangs holds up nobody."""

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.defects import described
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.text import seconds

Answer = TypeVar("Answer")


@dataclass
class _Running:
    """A question that was asked, and what came of it."""

    began: float
    ended: threading.Event = field(default_factory=threading.Event)
    answers: list[Any] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)


class Questions:
    """Asks questions by their subjects; any number of threads may use it.

    A question that still hangs when it is asked again is not asked a second time, so that a frozen server costs one
    thread however often somebody wants to know.
    """

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: how long each is waited for, and seconds that only grow."""
        self._limit = limit_seconds
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()

    def ask(self, subject: str, question: Callable[[], Answer]) -> Answer:
        """The answer, or the PrintflowError that the question raises.

        Raises:
            CouldNotTell: there was none in time, or a defect of this program kept it from being asked.
        """
        with self._lock:
            before = self._running.get(subject)
            if before is not None and not before.ended.is_set():
                silent = seconds(self._clock() - before.began)
                raise CouldNotTell(f"{subject} has not answered for {silent}", "look whether it hangs")
            running = self._running[subject] = _Running(self._clock())
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(_work, running, question), daemon=True).start()
        if not running.ended.wait(self._limit):
            raise CouldNotTell(f"{subject} did not answer within {self._limit:g} s", "look whether it hangs")
        for error in running.errors:
            if not isinstance(error, Exception) or isinstance(error, PrintflowError):
                raise error
            report_error(error)  # whatever one system says, the others are seen
            raise CouldNotTell(
                f"{subject}: a defect of this program kept it from being asked: {described(error)}",
                "report it; ask the system itself meanwhile",
            ) from error
        answer: Answer = running.answers[0]
        return answer


def _work(running: _Running, question: Callable[[], Any]) -> None:
    try:
        running.answers.append(question())
    except BaseException as error:  # raised where somebody waits for it
        running.errors.append(error)
    finally:
        running.ended.set()
