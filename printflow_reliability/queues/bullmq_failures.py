"""Failed jobs of BullMQ: each is counted once, by its id and the time at which it failed.

That time is of the worker's clock, which may be behind or ahead of another worker's, so that a cursor alone would step
over jobs. Those of the last minute, and those whose time is still to come, are known by their ids.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from printflow_reliability.platform.identifiers import kept as kept_name
from printflow_reliability.queues.bullmq_jobs import json_of
from printflow_reliability.queues.failed_marks import MARK
from printflow_reliability.queues.php_serialized import LARGEST
from printflow_reliability.queues.state import FailedJob, Failures, Known
from printflow_reliability.queues.waiting import MOST_KEPT, SKEW_SECONDS
from printflow_reliability.settings import QueueSettings
from printflow_reliability.text import printable, storable

MOST_FAILED = MOST_KEPT
"""Newly failed jobs that are looked at one by one, the newest; all of them are counted."""
AT_ONCE = 20
FIELDS = ("name", "data", "failedReason")
REASON = 500
"""Characters of what a job failed with."""


def failures(
    client: "redis.Redis", base: str, queue: QueueSettings, known: Known, now_ms: int
) -> tuple[Failures, Mapping[str, float]]:
    """The failed jobs of a queue, and those that the next look is to know.

    Args:
        client: of the Redis.
        base: what the keys of the queue begin with.
        queue: its settings.
        known: of the look before.
        now_ms: by the clock of the Redis, in milliseconds.
    """
    key, before = f"{base}failed", known.cursor
    skew_ms = SKEW_SECONDS * 1000
    from_ms = now_ms - queue.failed_seconds * 1000 if before is None else before - skew_ms
    cursor = float(now_ms) if before is None else max(before, float(now_ms))
    with client.pipeline(transaction=True) as pipe:
        pipe.zcard(key)
        pipe.zcount(key, f"({from_ms!r}", "+inf")
        pipe.zrevrangebyscore(key, "+inf", f"({from_ms!r}", start=0, num=MOST_FAILED, withscores=True)
        kept, above, newest = pipe.execute()
    named = {kept_name(f"{MARK}{storable(job)}@{score!r}"): (job, score) for job, score in newest}
    new = [job for name, (job, _) in named.items() if name not in known.first_seen]
    looked_at = {name: now_ms / 1000 for name, (_, score) in named.items() if score > cursor - skew_ms}
    unlooked = above - len(newest)
    if unlooked and before is not None:  # too many to know each: what lies between the cursors, as it stands
        unlooked = max(int(client.zcount(key, f"({before!r}", cursor)) - len(new), 0)
    jobs = tuple(failed_jobs(client, base, new)) if queue.order else ()
    return Failures(kept, len(new) + unlooked, cursor, jobs, unlooked if queue.order else 0), looked_at


def failed_jobs(client: "redis.Redis", base: str, ids: Sequence[bytes]) -> Iterator[FailedJob]:
    """What these failed jobs of a queue say, as far as it can be read."""
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE]
        for job, fields in zip(some, _read(client, [base.encode() + job for job in some]), strict=True):
            name, data, reason = (fields.get(field) or b"" for field in FIELDS)
            yield FailedJob(storable(job), storable(name), json_of(data), printable(storable(reason[:REASON])))


def _read(client: "redis.Redis", names: Sequence[bytes]) -> Iterator[Mapping[str, bytes | None]]:
    """The fields of each job that are not too long to be read."""
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            for field in FIELDS:
                pipe.hstrlen(name, field)
        sizes: Iterator[Any] = iter(pipe.execute(raise_on_error=False))
        small = [(name, field, next(sizes)) for name in names for field in FIELDS]
        asked = [(name, field) for name, field, size in small if isinstance(size, int) and 0 < size <= LARGEST]
        for name, field in asked:
            pipe.hget(name, field)
        contents: list[Any] = pipe.execute(raise_on_error=False)
    found = {key: content for key, content in zip(asked, contents, strict=True) if isinstance(content, bytes)}
    yield from ({field: found.get((name, field)) for field in FIELDS} for name in names)
