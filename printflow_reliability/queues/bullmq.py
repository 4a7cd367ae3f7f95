"""Reading a queue of BullMQ, version 5 or 6, with a role that may only read.

Version 5 moves its jobs to another list while a queue is paused, version 6 leaves them; both lists count. A job in
`active` without its lock is one whose worker died. There is no other dead-letter queue than `failed`.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import redis
from redis.exceptions import NoPermissionError, ResponseError

from printflow_reliability.queues.bullmq_failures import failures
from printflow_reliability.queues.bullmq_jobs import MARKER, waiting_jobs
from printflow_reliability.queues.failed_marks import without_failed
from printflow_reliability.queues.job_options import bullmq_options
from printflow_reliability.queues.redis_keys import keys_like, literal, named
from printflow_reliability.queues.state import Known, QueueState, Reading, unreadable
from printflow_reliability.queues.waiting import EARLIEST, LATEST, Claimable, waiting
from printflow_reliability.settings import QueueSettings
from printflow_reliability.text import printable, storable

DEFAULT_PREFIX = "bull"
MOST_ACTIVE = 5_000
"""Active jobs whose locks are looked at, those that were taken first."""
SCORE = 4096
"""The score of a delayed job is its time in milliseconds times this, plus a sequence."""
NO_CLIENT_LIST = (
    "its user may not ask CLIENT LIST, and no worker has looked for stalled jobs just now. Next: grant +client|list, "
    "or set workers = 0 and name their heartbeat in a [[worker]]"
)


@dataclass(frozen=True)
class _Counts:
    """What one transaction read."""

    now_ms: int
    exists: bool
    paused: bool
    version: str
    wait: int
    paused_list: int
    active: tuple[bytes, ...]
    active_length: int
    prioritized: int
    delayed: int
    children: int
    never: int


class BullQueue:
    """One queue of BullMQ in a Redis."""

    def __init__(self, client: "redis.Redis", queue: QueueSettings, known: Known) -> None:
        self._client = client
        self._queue = queue
        self._known = known
        self._prefix = DEFAULT_PREFIX if queue.prefix is None else queue.prefix
        self._base = f"{self._prefix}:{queue.own_name}:"

    def read(self) -> Reading:
        """What is in it.

        Raises:
            redis.RedisError: the Redis does not answer, or not as a queue of BullMQ would.
        """
        counts = self._counts()
        if not counts.exists:
            return unreadable(self._queue, self._absent())
        now = counts.now_ms / 1000
        due = int(self._client.zcount(self._key("delayed"), "-inf", counts.now_ms * SCORE + SCORE - 1))
        lines = counts.wait + counts.paused_list + counts.prioritized
        jobs, junk, whole = waiting_jobs(self._client, self._base, lines)
        if due:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.zrange(self._key("delayed"), 0, 0, withscores=True)
                # Whose score is no time stands before all others, and must not hide them.
                first, last = (seconds * 1000 * SCORE for seconds in (EARLIEST, LATEST))
                pipe.zrangebyscore(self._key("delayed"), first, last, start=0, num=1, withscores=True)
                soonest: list[Any] = [job for some in pipe.execute() for job in some]
            jobs += [
                Claimable(f"{storable(job)}/delayed", score / SCORE / 1000)
                for job, score in soonest
                if score < (counts.now_ms + 1) * SCORE
            ]
        found = waiting(jobs, now, without_failed(self._known.first_seen), whole=whole)
        failed, looked_at = failures(self._client, self._base, self._queue, self._known, counts.now_ms)
        state = QueueState(
            self._queue.name,
            self._queue.kind,
            depth=lines + due,
            oldest=found.oldest,
            waiting=counts.wait + counts.paused_list,
            prioritized=counts.prioritized,
            delayed=counts.delayed,
            due=due,
            reserved=counts.active_length,
            stalled=self._stalled(counts),
            waiting_children=counts.children,
            failed=failed.kept,
            paused=counts.paused,
            junk=junk,
            never=counts.never,
            version=counts.version,
            options=bullmq_options(self._client, self._base, lines + counts.delayed + failed.kept),
        )
        return Reading(self._with_workers(state), True, {**found.first_seen, **looked_at}, failed)

    def _key(self, part: str) -> str:
        return self._base + part

    def _counts(self) -> _Counts:
        with self._client.pipeline(transaction=True) as pipe:
            pipe.time()
            pipe.exists(self._key("meta"))
            pipe.hmget(self._key("meta"), ["paused", "version"])
            for line in ("wait", "paused"):
                pipe.llen(self._key(line))
                pipe.lindex(self._key(line), -1)
            pipe.lrange(self._key("active"), -MOST_ACTIVE, -1)
            pipe.llen(self._key("active"))
            for collection in ("prioritized", "delayed", "waiting-children"):
                pipe.zcard(self._key(collection))
            pipe.zcount(self._key("delayed"), LATEST * 1000 * SCORE, "+inf")
            answers: list[Any] = pipe.execute()
        (clock, micros), exists, (paused, version), wait, last, held, held_last, active, working, *sets = answers
        return _Counts(
            clock * 1000 + micros // 1000,
            bool(exists),
            paused not in (None, b"0", b""),
            printable(storable(version or b"")),
            wait - _is_marker(last),
            held - _is_marker(held_last),
            tuple(active),
            working,
            *sets,
        )

    def _stalled(self, counts: _Counts) -> int:
        """Active jobs without a lock, seen twice: one that ends between two questions has neither."""
        suspects = [job for job, locked in self._locks(counts.active) if not locked]
        if not suspects:
            return 0
        active: list[Any] = self._client.lrange(self._key("active"), 0, -1)
        again = set(active)
        return sum(not locked for _, locked in self._locks([job for job in suspects if job in again]))

    def _locks(self, jobs: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
        with self._client.pipeline(transaction=False) as pipe:
            for job in jobs:
                pipe.exists(self._base.encode() + job + b":lock")
            return zip(jobs, map(bool, pipe.execute()), strict=True)

    def _with_workers(self, state: QueueState) -> QueueState:
        """The state with its living workers: by the names of their connections, or by what they leave behind."""
        own = f"{self._prefix}:{base64.b64encode(self._queue.own_name.encode()).decode()}"
        # A queue of the same name in another database has workers of its own.
        database = str(self._client.connection_pool.connection_kwargs.get("db") or 0)
        try:
            clients: Any = self._client.client_list()
            names = [str(client.get("name", "")) for client in clients if client.get("db", database) == database]
            return replace(state, workers=sum(name == own or name.startswith(f"{own}:w:") for name in names))
        except (NoPermissionError, ResponseError):
            pass
        if self._client.exists(self._key("stalled-check")):  # it ends by itself, and each worker renews it
            return replace(
                state, workers=1, unknown={"workers": "at least 1 is alive; how many, only CLIENT LIST tells"}
            )
        return replace(state, unknown={"workers": NO_CLIENT_LIST})

    def _absent(self) -> str:
        """Why there is no such queue, as far as the other keys tell."""
        what = f'there is no queue "{self._queue.own_name}" with the prefix "{self._prefix}"'
        elsewhere = [
            key.removesuffix(f":{self._queue.own_name}:meta")
            for key in keys_like(self._client, f"*:{literal(self._queue.own_name)}:meta")
        ]
        if elsewhere:
            return f"{what}; there is one with the prefix {named(sorted(elsewhere))}"
        others = sorted(
            key.removeprefix(f"{self._prefix}:").removesuffix(":meta")
            for key in keys_like(self._client, f"{literal(self._prefix)}:*:meta")
        )
        if others:
            return f"{what}; with that prefix there is {named(others)}"
        return f"{what}, nor any other of BullMQ: is the number of the database in the url of its Redis right?"


def _is_marker(last: bytes | None) -> bool:
    return last is not None and last.startswith(MARKER)
