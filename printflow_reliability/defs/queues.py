"""The platform's queues and its Redis servers in the graph."""

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import SystemsGraph, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED, schedule
from printflow_reliability.queues.look import check_queues

GROUP = "queues"
QUEUE_CHECKS = ("queues.age", "queues.failed", "queues.stalled", "queues.workers")
QUEUES = ("name", "kind", "depth", "oldest_seconds", "failed", "growth", "stalled", "workers", "unreadable")
SERVERS = ("name", "role", "aof_enabled", "appendfsync", "maxmemory_policy", "evicted_keys", "unreadable")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"redis", "postgres"},
    freshness_policy=words.EVERY_QUARTER_HOUR,
    check_specs=check_specs("queue_health", *QUEUE_CHECKS),
    description="Every queue as it really is: how long its oldest job waits, what failed or stalled, and whether "
    "workers live. Red: paid work waits or was lost by a worker, or a queue cannot be read. See printflow queues",
)
def queue_health(configuration: Configuration) -> dg.MaterializeResult:
    """Look at every queue and worker."""
    with as_dagster_failure():
        report = check_queues(configuration.settings(), servers=False)
    rows = report.as_json()["queues"]
    first = ("oldest_job_seconds", "queued_jobs", "newly_failed_jobs", "stalled_jobs")
    table = {"queues": shortened(rows, QUEUES, len(rows), "printflow queues")}
    return result(report, *QUEUE_CHECKS, first=first, tables=table)


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"redis"},
    freshness_policy=words.EVERY_QUARTER_HOUR,
    check_specs=check_specs("redis_durability", "redis.durability"),
    description="Whether each Redis keeps what it was given: append-only file, eviction, replicas, room. Red: a crash "
    "or a full memory would lose jobs. See printflow queues",
)
def redis_durability(configuration: Configuration) -> dg.MaterializeResult:
    """Ask every Redis."""
    with as_dagster_failure():
        report = check_queues(configuration.settings(), queues=False)
    rows = report.as_json()["redis"]
    table = {"redis": shortened(rows, SERVERS, len(rows), "printflow queues")}
    return result(report, "redis.durability", tables=table)


def _looks_at_queues(graph: SystemsGraph) -> bool:
    return graph.settings is None or bool(graph.settings.queue or graph.settings.worker)


@dg.definitions
def definitions() -> dg.Definitions:
    """The queues and Redis servers of printflow.toml; nothing of what it does not name."""
    graph = configured()
    assets: list[dg.AssetsDefinition] = []
    schedules: list[dg.ScheduleDefinition] = []
    if _looks_at_queues(graph):
        assets.append(graph.place(queue_health, [spec.key for spec in graph.queues.values()]))
        schedules.append(
            schedule(
                "queues_every_two_minutes",
                "*/2 * * * *",
                ["queue_health"],
                "Look at every queue and at what works on it.",
                tags=HARMLESS | SHORT_LIVED,
            )
        )
    if graph.redis:
        assets.append(graph.place(redis_durability, [spec.key for spec in graph.redis.values()]))
        schedules.append(
            schedule(
                "redis_every_ten_minutes",
                "5-59/10 * * * *",
                ["redis_durability"],
                "Ask every Redis whether it keeps what it is given.",
                tags=HARMLESS | SHORT_LIVED,
            )
        )
    return dg.Definitions(assets=assets, schedules=schedules)
