"""Looking at single jobs of BullMQ: how long they wait, whether a worker can read them, what failed jobs say."""

import json
from collections.abc import Sequence
from typing import Any

import redis

from printflow_reliability.queues.waiting import Claimable
from printflow_reliability.text import storable

SAMPLE = 200
"""Jobs looked at from each end of a line."""
LARGEST = 64 * 1024
"""Bytes of a job's data that are read; whether more is junk is not looked at."""
MARKER = b"0:"
"""What versions before 5 put at the end of a line; no job."""
FIELDS = ("timestamp", "delay", "atm", "ats", "processedOn")


def waiting_jobs(client: "redis.Redis", base: str, lines: int) -> tuple[list[Claimable], int, bool]:
    """Jobs from both ends of each line of a queue, how many of them are junk, and whether these are all.

    Args:
        client: of the Redis.
        base: what the keys of the queue begin with.
        lines: how many jobs there are in its lines.
    """
    with client.pipeline(transaction=False) as pipe:
        for line in ("wait", "paused"):
            pipe.lrange(base + line, -SAMPLE, -1)
            pipe.lrange(base + line, 0, SAMPLE - 1)
        pipe.zrange(f"{base}prioritized", 0, SAMPLE - 1)
        pipe.zrange(f"{base}prioritized", -SAMPLE, -1)
        found = pipe.execute()
    ids = [*dict.fromkeys(job for some in found for job in some if not job.startswith(MARKER))]
    with client.pipeline(transaction=False) as pipe:
        for job in ids:
            pipe.hmget(base.encode() + job, FIELDS)
            pipe.hstrlen(base.encode() + job, "data")
        answers = iter(pipe.execute(raise_on_error=False))
    jobs, sized = list[Claimable](), list[tuple[bytes, Any]]()
    junk = 0
    for job, fields, size in zip(ids, answers, answers, strict=False):
        if isinstance(fields, Exception) or isinstance(size, Exception) or fields[0] is None:
            junk += 1  # its hash is gone, or is none
            jobs.append(Claimable(storable(job), None))
            continue
        sized.append((job, size))
        jobs.append(Claimable(f"{storable(job)}/{storable(fields[2] or b'0')}", since(fields)))
    return jobs, junk + _without_data(client, base, sized), len(ids) >= lines


def _without_data(client: "redis.Redis", base: str, sized: Sequence[tuple[bytes, Any]]) -> int:
    """How many of these jobs hold no JSON."""
    asked = [job for job, size in sized if 0 < size <= LARGEST]
    with client.pipeline(transaction=False) as pipe:
        for job in asked:
            pipe.hget(base.encode() + job, "data")
        contents = pipe.execute(raise_on_error=False)
    empty = sum(1 for _, size in sized if size == 0)
    # One that a worker has finished meanwhile is gone.
    return empty + sum(1 for content in contents if content is not None and not _is_json(content))


def since(fields: Sequence[bytes | None]) -> float | None:
    """From when on a fresh job could be taken; None for one that was begun before, which waits anew."""
    try:
        timestamp, delay, *begun = (int(field or 0) for field in fields)
        return None if any(begun) else (timestamp + delay) / 1000
    except (ValueError, OverflowError):
        return None


def _is_json(content: Any) -> bool:
    return not isinstance(content, Exception) and json_of(content) is not None


def json_of(content: bytes | None) -> Any:
    try:
        return None if content is None else json.loads(content)
    except (ValueError, RecursionError):
        return None
