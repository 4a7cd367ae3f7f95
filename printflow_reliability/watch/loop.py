"""Round after round until a signal ends it: what a round meets is said and survived, whatever it is."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from printflow_reliability.checks import Outcome
from printflow_reliability.defects import described
from printflow_reliability.errors import PrintflowError
from printflow_reliability.watch.diary import Diary
from printflow_reliability.watch.round import INTERVAL_SECONDS, Round

log = logging.getLogger(__name__)

ENDING = (signal.SIGINT, signal.SIGTERM)


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
