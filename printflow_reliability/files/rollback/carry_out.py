"""Carrying out the steps of a rollback, or undoing them: in parallel, bounded in rate, ended where a store is away."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.rollback.since import Step
from printflow_reliability.files.rollback.write import Deed, Written
from printflow_reliability.progress import Advance
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.workers import Workers

IN_FLIGHT = 8
AT_A_TIME = 200
SHOWN = 100
Write = Callable[[BucketSettings, Step], Written]


class Pace:
    """Lets so many begin in a second, from any number of threads."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval, self._clock, self._sleep = 1 / per_second, clock, sleep
        self._next = clock()
        self._lock = Lock()

    def wait(self) -> None:
        """Wait for one's turn."""
        with self._lock:
            now = self._clock()
            turn = max(self._next, now)
            self._next = turn + self._interval
        if turn > now:
            self._sleep(turn - now)


@dataclass
class Outcome:
    """What came of the steps.

    Attributes:
        deeds: how many came out how.
        bytes: of those that were done.
        not_done: bucket, key and reason of the first ones that failed or were changed by somebody meanwhile.
        stopped: why the rest was not tried; empty if all were.
    """

    deeds: Counter[Deed] = field(default_factory=Counter)
    bytes: int = 0
    not_done: list[tuple[str, str, str]] = field(default_factory=list)
    stopped: str = ""

    def add(self, written: Written) -> None:
        """Count one more."""
        self.deeds[written.deed] += 1
        if written.deed is Deed.DONE:
            self.bytes += written.step.size
        elif written.detail and len(self.not_done) < SHOWN:
            self.not_done.append((written.step.bucket, written.step.key, written.detail))


def carry_out(
    steps: Iterable[Step],
    total: int,
    buckets: Mapping[str, BucketSettings],
    write: Write,
    pace: Pace,
    advance: Advance | None = None,
) -> Outcome:
    """Do something about each step; what a store refuses for a key is that key's, and one that is away ends all.

    Args:
        steps: in any order.
        total: how many they are.
        buckets: by their names in printflow.toml.
        write: brings one object back, or undoes that.
        pace: how fast.
        advance: hears how many are dealt with.
    """
    outcome, coming, done = Outcome(), iter(steps), 0

    def one(step: Step) -> Written:
        pace.wait()
        return write(buckets[step.bucket], step)

    while batch := list(itertools.islice(coming, AT_A_TIME)):
        try:
            with Workers(IN_FLIGHT) as pool:
                for written in pool.map(one, batch):
                    outcome.add(written)
                    done += 1
                    if advance is not None:
                        advance(done, total)
        except CouldNotTell as away:
            outcome.stopped = away.sentence
            break
    return outcome
