"""How long each phase of a drill took, and which of them a real recovery would need too.

The fence, the comparison at it, the files and the tear-down belong to the rehearsal; nobody waits for them in an
emergency, so they do not count towards the recovery time.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

from printflow_reliability.alerts.sentry.tracing import part

log = logging.getLogger(__name__)


class Phase(StrEnum):
    """The phases in their order; the values are the keys of a drill's JSON."""

    FIND = "find"
    FENCE = "fence"
    FETCH = "fetch"
    START = "start"
    REPLAY_TO_FENCE = "replay_to_fence"
    REPLAY_TO_END = "replay_to_end"
    PROMOTE = "promote"
    VALIDATE = "validate"
    FILES = "files"
    TEAR_DOWN = "tear_down"


RECOVERY = frozenset(
    {
        Phase.FIND,
        Phase.FETCH,
        Phase.START,
        Phase.REPLAY_TO_FENCE,
        Phase.REPLAY_TO_END,
        Phase.PROMOTE,
        Phase.VALIDATE,
    }
)
"""What stands between a disaster and an application that may be let in again."""


def rto_seconds(seconds: Mapping[Phase, float]) -> float | None:
    """The recovery time these phases add up to; None while one that counts was never finished."""
    if RECOVERY - seconds.keys():
        return None
    return sum(seconds[phase] for phase in RECOVERY)


class PhaseClock:
    """Measures phases. One that is entered twice (the fence: made, later compared) adds up.

    Attributes:
        seconds: of each phase that was finished.
        running: the phase that is going on, or was when the drill broke off.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[Phase, float] = {}
        self.running: Phase | None = None
        self._clock = clock
        self._inner = 0.0

    @contextmanager
    def measure(self, phase: Phase) -> Iterator[None]:
        """Count the block as part of a phase. A block that raises leaves its phase unfinished.

        A phase within another's block is not counted twice: its time is not the outer one's.
        """
        began = self._clock()
        outer, self.running = self.running, phase
        before, self._inner = self._inner, 0.0
        with part(str(phase)):
            yield
        whole = self._clock() - began
        took = whole - self._inner
        self._inner = before + whole
        self.seconds[phase] = self.seconds.get(phase, 0.0) + took
        self.running = outer
        log.info("%s: %.1f s", phase, took)
