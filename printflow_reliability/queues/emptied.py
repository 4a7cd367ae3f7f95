"""A Redis whose data are gone at once: by FLUSHALL, by FLUSHDB, or by a restart that found nothing to load.

A Redis keeps no empty queue, so that one that lost its jobs reads as one whose jobs are done. What tells the two apart
is how often the commands were called, and how many keys there were at the look before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import ResponseError

from printflow_reliability.records import queues as records_of_queues

FLUSHALL, FLUSHDB, KEYS = "flushall", "flushdb", "keys"
MANY = 2
"""Keys that no worker takes away between two looks by finishing the last job."""


@dataclass(frozen=True)
class Run:
    """What the records know of a Redis after a look.

    Attributes:
        restarted: seconds since another run of it was first seen; None: never.
        emptied: seconds since it was seen that its data were gone; None: never.
        now: whether this look is the one that saw it.
    """

    restarted: float | None = None
    emptied: float | None = None
    now: bool = False


def flushes(client: "redis.Redis") -> dict[str, int] | None:
    """How often it was told to forget its data since it was started; None where INFO does not tell."""
    try:
        told: Any = client.info("commandstats")
    except ResponseError:
        return None
    return (
        {name: int(told.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in (FLUSHALL, FLUSHDB)} if told else None
    )


def was_emptied(before: Mapping[str, float], now: Mapping[str, float], *, new_run: bool) -> bool:
    """Whether the data that a Redis held at the look before are gone, and not merely done.

    Args:
        before: its keys and how often each command was called, as then; empty at the first look.
        now: the same, as now.
        new_run: whether it was started again meanwhile.
    """
    held = before.get(KEYS, 0)
    if not held:
        return False
    if new_run:
        return now[KEYS] == 0
    # FLUSHDB may have been of another database, as where a cache is cleared.
    return _called(before, now, FLUSHALL) or (_called(before, now, FLUSHDB) and now[KEYS] == 0 and held >= MANY)


def _called(before: Mapping[str, float], now: Mapping[str, float], command: str) -> bool:
    if command not in before or command not in now:
        return False
    # CONFIG RESETSTAT begins the count anew.
    return now[command] > before[command] or 0 < now[command] < before[command]


def look_back(records: records_of_queues.Records, name: str, run_id: str, numbers: Mapping[str, float]) -> Run:
    """What became of a Redis since the look before; its numbers are kept for the next.

    Args:
        records: the records.
        name: what printflow.toml calls it.
        run_id: of its present run.
        numbers: its keys, and how often each command was called where that is known.
    """
    restarted = records_of_queues.remember_run(records, name, run_id)
    before = records_of_queues.redis_numbers(records, name)
    ((now,),) = records.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()
    gone = was_emptied(before, numbers, new_run=restarted == 0)
    emptied = {records_of_queues.EMPTIED: now} if gone else {}
    records_of_queues.remember_redis_numbers(records, name, {**numbers, **emptied})
    at = now if gone else before.get(records_of_queues.EMPTIED)
    return Run(restarted, None if at is None else now - at, gone)
