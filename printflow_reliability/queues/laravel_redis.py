"""Reading a queue of Laravel's on Redis.

Only a worker's pop moves due and expired jobs into the line, so that the line's length alone hides a dead worker. A
Redis keeps no empty list: that a queue has no key says it is empty only where it is known to be there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

from printflow_reliability.queues.failed_marks import without_failed
from printflow_reliability.queues.job_options import laravel_options
from printflow_reliability.queues.laravel_payload import payload_of
from printflow_reliability.queues.redis_keys import keys_like, literal, named
from printflow_reliability.queues.state import Failures, Known, QueueState, Reading, unreadable
from printflow_reliability.queues.waiting import EARLIEST, LATEST, Claimable, waiting
from printflow_reliability.settings import QueueSettings
from printflow_reliability.text import printable, storable

SAMPLE = 100
"""Jobs looked at from each end of the line."""
LARGEST = 16 * 1024 * 1024
"""Bytes of payloads after which no more are looked at."""
STALLED_SECONDS = 10
"""How long after `retry_after` a reserved job may wait for the next pop, which gives it out again."""


@dataclass(frozen=True)
class _Counts:
    """What one transaction read."""

    now: float
    line: int
    delayed: int
    reserved: int
    soonest: tuple[tuple[bytes, float], ...]
    expiring: tuple[tuple[bytes, float], ...]
    never: int


class LaravelQueue:
    """One queue of Laravel's in a Redis."""

    def __init__(self, client: "redis.Redis", queue: QueueSettings, known: Known) -> None:
        self._client = client
        self._queue = queue
        self._known = known
        self._key = f"{queue.prefix}queues:{queue.own_name}"

    def read(self, failed: Failures | None, why_not: str) -> Reading:
        """What is in it.

        Args:
            failed: its failed jobs, which lie in a database.
            why_not: why they are not known; empty where they are.

        Raises:
            redis.RedisError: the Redis does not answer, or not as a queue of Laravel's would.
        """
        counts = self._counts()
        here = bool(counts.line or counts.delayed or counts.reserved or (failed and failed.kept))
        if not (here or self._known.seen) and (why := self._absent()):
            return unreadable(self._queue, why)
        due, expired, stalled = self._due(counts)
        payloads = [payload_of(content) for content in dict.fromkeys(self._sampled(counts.line))]
        jobs = [Claimable(storable(payload.turn), payload.pushed_at) for payload in payloads]
        jobs += [
            Claimable(f"{storable(payload_of(content).turn)}/{line}", score)
            for line, some in (("delayed", counts.soonest), ("reserved", counts.expiring))
            for content, score in some
            if score <= counts.now
        ]
        # Jobs that are due or expired begin with the one that waits longest.
        found = waiting(jobs, counts.now, without_failed(self._known.first_seen), whole=len(payloads) >= counts.line)
        state = QueueState(
            self._queue.name,
            self._queue.kind,
            depth=counts.line + due + expired,
            oldest=found.oldest,
            waiting=counts.line,
            delayed=counts.delayed,
            due=due,
            reserved=counts.reserved,
            stalled=stalled,
            failed=None if failed is None else failed.kept,
            junk=sum(payload.document is None for payload in payloads),
            never=counts.never,
            options=laravel_options(
                [payload.document for payload in payloads],
                whole=len(payloads) >= counts.line + counts.delayed + counts.reserved,
            ),
            unknown={"failed": why_not} if why_not else {},
        )
        return Reading(state, here, found.first_seen, failed)

    def _counts(self) -> _Counts:
        with self._client.pipeline(transaction=True) as pipe:
            pipe.time()
            pipe.llen(self._key)
            pipe.zcard(f"{self._key}:delayed")
            pipe.zcard(f"{self._key}:reserved")
            for line in ("delayed", "reserved"):
                pipe.zrange(f"{self._key}:{line}", 0, 0, withscores=True)
                # Whose score is no time stands before all others, and must not hide them.
                pipe.zrangebyscore(f"{self._key}:{line}", EARLIEST, LATEST, start=0, num=1, withscores=True)
            pipe.zcount(f"{self._key}:delayed", LATEST, "+inf")
            answers: list[Any] = pipe.execute()
        (clock, micros), line, delayed, reserved, soonest, due, expiring, expired, never = answers
        now = clock + micros / 1_000_000
        return _Counts(now, line, delayed, reserved, (*soonest, *due), (*expiring, *expired), never)

    def _sampled(self, line: int) -> Iterator[bytes]:
        """Payloads from both ends of the line, few at a time: how large they are is told by nothing but themselves."""
        left, count, first = LARGEST, 1, 0
        while first < min(SAMPLE, line) and left > 0:
            last = min(first + count, SAMPLE) - 1
            with self._client.pipeline(transaction=True) as pipe:
                pipe.lrange(self._key, first, last)
                pipe.lrange(self._key, -last - 1, -first - 1)
                head, tail = pipe.execute()
            yield from (*head, *tail)
            size = sum(len(content) for content in (*head, *tail))
            left -= size
            # As many more as would fit, were they as large as these, and no more than twice as many.
            first, count = last + 1, max(min(2 * count, count * left // max(size, 1)), 1)

    def _due(self, counts: _Counts) -> tuple[int, int, int]:
        """How many jobs are due, how many reserved ones are anybody's again, and how many of these nobody takes."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zcount(f"{self._key}:delayed", "-inf", counts.now)
            pipe.zcount(f"{self._key}:reserved", "-inf", counts.now)
            pipe.zcount(f"{self._key}:reserved", "-inf", counts.now - STALLED_SECONDS)
            due, expired, stalled = pipe.execute()
        return int(due), int(expired), int(stalled)

    def _absent(self) -> str:
        """Why the queue is not known to be there; empty where an empty one is believed."""
        name, prefix = self._queue.own_name, str(self._queue.prefix)
        when = "since its Redis was emptied" if self._known.emptied else "ever"
        what = f'no job of a queue "{printable(name)}" with the prefix "{printable(prefix)}" was seen {when}'
        elsewhere = sorted(
            {
                key.removesuffix(f"queues:{name}")
                for key in keys_like(self._client, f"*queues:{literal(name)}")
                if key.endswith(f"queues:{name}")
            }
        )
        if elsewhere:
            return f"{what}; there is one with the prefix {named(elsewhere)}"
        others = {
            key.removeprefix(f"{prefix}queues:").partition(":")[0]
            for key in keys_like(self._client, f"{literal(prefix)}queues:*")
        }
        if others:
            return f"{what}; with that prefix there is {named(sorted(others))}"
        # Any other key of the same prefix shows that the prefix is the platform's own.
        if prefix and next(keys_like(self._client, f"{literal(prefix)}*"), None) is not None:
            return ""
        return f"{what}, nor anything else with that prefix: is it right, and the number of the database in the url?"
