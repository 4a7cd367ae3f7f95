"""Horizon's workers: its masters and supervisors renew a time every second, and one that is old is dead.

Its `wait` is an estimate and no age, and its own list of failed jobs is trimmed: neither is read.
"""

import json
from dataclasses import replace
from typing import Any

import redis

from printflow_reliability.queues.state import QueueState
from printflow_reliability.queues.waiting import SKEW_SECONDS
from printflow_reliability.settings import QueueSettings

MASTER_SECONDS = 14
SUPERVISOR_SECONDS = 29
"""Horizon's own limits: what has not renewed its time for so long is removed by the next one."""
PAUSED = b"paused"
"""The status of a master or a supervisor whose processes take nothing."""
AHEAD = "the times of Horizon's masters lie in the future: is the clock of their machine right?"


def with_workers(client: "redis.Redis", queue: QueueSettings, state: QueueState) -> QueueState:
    """The state with Horizon's processes for this queue, and whether Horizon is paused.

    Raises:
        redis.RedisError: the Redis does not answer, or not as Horizon's would.
    """
    prefix = str(queue.horizon_prefix)
    with client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.exists(f"{prefix}masters")
        (clock, _), exists = pipe.execute()
    # A time far ahead would count as alive until it has come.
    latest = clock + SKEW_SECONDS
    ahead = int(client.zcount(f"{prefix}masters", f"({latest}", "+inf"))
    masters: list[Any] = client.zrangebyscore(f"{prefix}masters", clock - MASTER_SECONDS, latest)
    if not masters and ahead:
        return replace(state, unknown={**state.unknown, "workers": AHEAD})
    if not masters:
        # A Horizon that ended in good order takes its key along: that is none alive, unless the prefix is wrong.
        if exists or next(_traces(client, prefix), None) is not None:
            return replace(state, workers=0)
        why = f'nothing of Horizon is there with the prefix "{prefix}"'
        return replace(state, unknown={**state.unknown, "workers": why})
    alive: list[Any] = client.zrangebyscore(f"{prefix}supervisors", clock - SUPERVISOR_SECONDS, latest)
    with client.pipeline(transaction=False) as pipe:
        for name in alive:
            pipe.hmget(f"{prefix}supervisor:".encode() + name, ["processes", "status"])
        for name in masters:
            pipe.hget(f"{prefix}master:".encode() + name, "status")
        answers = pipe.execute()
    supervisors, statuses = answers[: len(alive)], answers[len(alive) :]
    counts = [_processes(processes, queue.own_name) for processes, _ in supervisors]
    # A supervisor can be paused by itself: its processes live, and take nothing.
    own = [status for count, (_, status) in zip(counts, supervisors, strict=True) if count]
    paused = all(status == PAUSED for status in statuses) or (bool(own) and all(status == PAUSED for status in own))
    if any(count is None for count in counts):
        why = "what a supervisor of Horizon says of its processes cannot be read"
        return replace(state, paused=paused, unknown={**state.unknown, "workers": why})
    working = [count or 0 for count, (_, status) in zip(counts, supervisors, strict=True) if status != PAUSED]
    return replace(state, paused=paused, workers=sum(working))


def _traces(client: "redis.Redis", prefix: str) -> Any:
    names = ("last_snapshot_at", "measured_jobs", "measured_queues", "recent_jobs", "failed_jobs", "job_id")
    return (name for name in names if client.exists(f"{prefix}{name}"))


def _processes(text: bytes | None, queue: str) -> int | None:
    """How many processes of a supervisor work on a queue: it says `{"redis:high,default": 3}`."""
    try:
        document = json.loads(text or b"{}")
        return sum(int(number) for pools, number in document.items() if queue in pools.partition(":")[2].split(","))
    except (ValueError, TypeError, AttributeError):
        return None
