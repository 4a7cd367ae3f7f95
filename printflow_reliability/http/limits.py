"""How much is asked: a bucket of requests for each caller, and threads that are not more than they should be."""

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from printflow_reliability.http.answers import Refusal, could_not_tell
from printflow_reliability.storage.workers import Workers

CALLERS = 10_000
"""Callers that are remembered: an address that has not asked for longest has its full minute again."""
WAITING = 8
"""For each thread, how many requests wait for it."""
Result = TypeVar("Result")


class RequestRates:
    """Token buckets: each caller may ask as often as its minute allows, also all at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Args: seconds that only grow."""
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, per_minute: int) -> None:
        """Count a request.

        Raises:
            Refusal: there were too many (429); it says when the next one is answered.
        """
        now = self._clock()
        left, counted_at = self._left.pop(caller, (float(per_minute), now))
        left = min(left + (now - counted_at) * per_minute / 60, float(per_minute))
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        if len(self._left) > CALLERS:
            self._left.popitem(last=False)
        if not allowed:
            wait = math.ceil((1 - left) * 60 / per_minute)
            raise Refusal(429, f"more than {per_minute:,} requests in a minute", headers={"Retry-After": str(wait)})


class Threads:
    """Threads for what waits for databases and S3; nobody waits for one whose answer is no longer wanted."""

    def __init__(self, workers: Workers, threads: int) -> None:
        """Args: the pool, and how many threads it has."""
        self._workers = workers
        self._most = threads * (1 + WAITING)
        self._in_hand = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Have a thread do the work. What was not begun when the caller is cancelled is never done.

        Raises:
            Refusal: too many others wait already (503).
        """
        with self._lock:
            if self._in_hand >= self._most:
                raise could_not_tell("too many requests wait at the same time", "ask again")
            self._in_hand += 1
        future = self._workers.submit(work)
        future.add_done_callback(self._ended)  # when the thread is free again, whoever still waits for it
        return await asyncio.wrap_future(future)

    def _ended(self, _: object) -> None:
        with self._lock:
            self._in_hand -= 1
