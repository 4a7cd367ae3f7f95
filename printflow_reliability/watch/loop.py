"""Round after round until a signal ends it: what a round meets is said and survived, whatever it is."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from printflow_reliability.checks import Outcome
from printflow_reliability.defects import described
from printflow_reliability.errors import PrintflowError
from printflow_reliability.watch.round import INTERVAL_SECONDS, Round

log = logging.getLogger(__name__)

ENDING = (signal.SIGINT, signal.SIGTERM)
SAID_AGAIN_AFTER = 60
"""Rounds after which what stays the same is said again: a log that says nothing for hours looks dead."""
LEVELS = {Outcome.PASS: logging.INFO, Outcome.WARN: logging.WARNING}


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, once: a second signal does not disturb what is put in order at the end."""
    ended = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        if not ended:
            ended = True
            raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Diary:
    """Says what rounds do, one line each, and what stays the same only now and then."""

    def __init__(self) -> None:
        self._last = ""
        self._same = 0

    def tell(self, outcome: Outcome, said: str) -> None:
        """Say it unless it was just said."""
        self._same = self._same + 1 if said == self._last else 0
        if self._same % SAID_AGAIN_AFTER == 0:
            log.log(LEVELS.get(outcome, logging.ERROR), "%s", " ".join(said.split()))
        self._last = said


def keep_watch(
    go_round: Callable[[], Round],
    *,
    defect: Callable[[Exception], None],
    clock: Callable[[], float],
    pause: Callable[[float], None],
    alive: Callable[[], None],
) -> None:
    """Go round after round, until an exception that is no error ends it, as a signal's does.

    Args:
        go_round: one round.
        defect: told of an error that nobody expected; the rounds go on.
        clock: seconds that only grow.
        pause: waits so many seconds.
        alive: told after every round, whatever came of it.
    """
    diary = Diary()
    while True:
        began = clock()
        again_in = INTERVAL_SECONDS
        try:
            gone = go_round()
            again_in = gone.again_in
            diary.tell(gone.outcome, gone.said)
        except PrintflowError as error:
            diary.tell(Outcome.UNKNOWN, f"could not look: {error.sentence}")
        except Exception as error:
            diary.tell(Outcome.UNKNOWN, f"a defect of this program: {described(error)}")
            log.debug("unexpected error", exc_info=True)
            defect(error)
        alive()
        pause(max(began + again_in - clock(), 0.0))
