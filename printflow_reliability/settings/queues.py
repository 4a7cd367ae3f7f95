"""`[[queue]]` and `[[worker]]`: the platform's queues, what works on them, and when a person is called."""

import re
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from printflow_reliability.settings.section import Section

QueueKind = Literal["laravel-redis", "horizon", "laravel-database", "bullmq", "sync"]
OF_EVERY_KIND = frozenset({"name", "kind"})
OF_EVERY_QUEUE = frozenset({"queue", "oldest_seconds", "failed_growth", "failed_seconds", "order"})
FAILED_TABLE = frozenset({"database", "failed_table"})
JOBS_TABLE = frozenset({"jobs_table", "retry_after_seconds"})
KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "laravel-redis": (frozenset({"redis", "prefix", "cluster", "oldest_seconds"}), FAILED_TABLE),
    "horizon": (
        frozenset({"redis", "prefix", "horizon_prefix", "cluster", "oldest_seconds"}),
        FAILED_TABLE | {"workers"},
    ),
    "laravel-database": (frozenset({"cluster", "oldest_seconds"}), FAILED_TABLE | JOBS_TABLE),
    "bullmq": (frozenset({"redis", "oldest_seconds"}), frozenset({"prefix", "workers"})),
    "sync": (frozenset(), frozenset()),
}
"""By kind of queue, the keys that it needs and those that it may have besides."""
PATH = re.compile(r"[^.\s]+(\.[^.\s]+)*")


class QueueOrderSettings(Section):
    """Which jobs of a queue make the print file of a paid order, and where such a job says of which order.

    When such a job has failed, its order is held at once if its artwork is not right, and its own page names it. Jobs
    of no rule are counted, and page by `failed_growth` alone.
    """

    job: str = Field(
        min_length=1,
        description="Name of the job as its payload has it: the class of a Laravel job, such as "
        "`App\\\\Jobs\\\\MakePrintFile`; the name of a BullMQ job.",
    )
    path: str = Field(
        description="Where the order's number stands, as keys with dots between them. For BullMQ it begins in the "
        "job's data: `order.id`. For Laravel it begins in the payload: `data.command.orderId`; the command is read "
        "although PHP has serialized it, an encrypted one is not.",
    )

    @model_validator(mode="after")
    def _is_a_path(self) -> Self:
        if not PATH.fullmatch(self.path):
            raise ValueError("path: write keys with dots between them, such as data.command.orderId")
        return self


class QueueSettings(Section):
    """One queue of the platform: how old its work may become, and how many of its jobs may fail.

    Every name in it is taken literally, whatever characters it holds. What cannot be read, or was never seen under this
    name, is unknown and never empty.
    """

    name: str = Field(min_length=1, description="What this file, the commands and the findings call it; unique.")
    kind: QueueKind = Field(
        description="`laravel-redis`, `laravel-database`, `horizon` (Laravel on Redis with Horizon's workers), "
        "`bullmq` (versions 5 and 6), or `sync`: Laravel's driver that runs a job at once, so that there is no queue.",
    )
    redis: str | None = Field(default=None, description="The `name` of the [[redis]] that holds it.")
    cluster: str | None = Field(
        default=None, description="The `name` of the [[cluster]] with Laravel's tables: jobs, failed jobs."
    )
    database: str | None = Field(
        default=None, description="Another database of that cluster than the one its `url` leads to."
    )
    queue: str = Field(default="", description="What the platform calls the queue. Default: `name`.")
    prefix: str | None = Field(
        default=None,
        description="What every key of it begins with. BullMQ: `bull` by default. Laravel: the whole prefix of its "
        "Redis connection, such as `laravel_database_`, or an empty text.",
    )
    horizon_prefix: str | None = Field(
        default=None, description="What Horizon's own keys begin with, such as `laravel_horizon:`."
    )
    jobs_table: str = Field(
        default="jobs", min_length=1, description="Laravel's table of jobs, as SQL writes it: with its schema, quoted."
    )
    failed_table: str = Field(
        default="failed_jobs", min_length=1, description="Laravel's table of failed jobs, as SQL writes it."
    )
    retry_after_seconds: float = Field(
        default=90,
        gt=0,
        description="`retry_after` of Laravel's connection: a job that was reserved so long ago is given out again.",
    )
    oldest_seconds: float | None = Field(
        default=None,
        gt=0,
        description="How long a job may wait once a worker could take it; needed for every kind but `sync`. 300 for a "
        "queue that makes print files.",
    )
    failed_growth: int = Field(
        default=0, ge=0, description="How many jobs may fail within `failed_seconds` before a person is called."
    )
    failed_seconds: float = Field(
        default=3600, gt=0, description="The time for which failed jobs are counted together."
    )
    workers: int = Field(
        default=1,
        ge=0,
        description="How many workers of BullMQ, or processes of Horizon, must be alive at least. 0: it is not judged. "
        "Other workers of Laravel leave no trace: give them a [[worker]].",
    )
    order: tuple[QueueOrderSettings, ...] = ()

    @property
    def own_name(self) -> str:
        """What the platform calls it."""
        return self.queue or self.name

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        needed, besides = KEYS[self.kind]
        for key in sorted(needed):
            if getattr(self, key) is None:
                why = ": without a threshold nobody would ever be called" if key == "oldest_seconds" else ""
                raise ValueError(f'a queue of kind "{self.kind}" needs the key {key}{why}')
        allowed = OF_EVERY_KIND | needed | besides | (OF_EVERY_QUEUE if self.kind != "sync" else frozenset())
        for key in sorted(self.model_fields_set - allowed):
            raise ValueError(f'a queue of kind "{self.kind}" has no key {key}')
        if self.kind == "bullmq" and ":" in self.own_name:
            raise ValueError("queue: a name of BullMQ holds no colon; what stands before it is its prefix")
        return self


class WorkerSettings(Section):
    """What must be alive, by the heartbeat that it makes itself: the scheduler, a worker, a daemon of the platform.

    A heartbeat is a row with a time that `query` returns, or a key of a Redis that ends by itself when nobody renews
    it. [operation.md](operation.md) has the few lines for Laravel's scheduler and workers and for BullMQ.
    """

    name: str = Field(min_length=1, description="What the findings call it: `scheduler`. Unique.")
    cluster: str | None = Field(default=None, description="The `name` of the [[cluster]] that `query` runs in.")
    database: str | None = Field(
        default=None, description="Another database of that cluster than the one its `url` leads to."
    )
    query: str | None = Field(
        default=None, description="Query that returns the newest heartbeat as one timestamp; without a zone it is UTC."
    )
    redis: str | None = Field(default=None, description="The `name` of the [[redis]] that holds `key`.")
    key: str | None = Field(
        default=None,
        description="Full name of the key, taken literally. If it holds a number, that is the time of the heartbeat in "
        "seconds or milliseconds since 1970; otherwise its being there is the heartbeat, and it must end by itself "
        "within `max_age_seconds`.",
    )
    max_age_seconds: float = Field(
        default=120, gt=0, description="How old the newest heartbeat may be. Twice the time between two of them."
    )

    @model_validator(mode="after")
    def _is_one_heartbeat(self) -> Self:
        row, key = (self.cluster, self.query), (self.redis, self.key)
        if (all(row) and not any(key)) or (all(key) and not any(row) and self.database is None):
            return self
        raise ValueError("a heartbeat is either a cluster and a query, or a redis and a key")
