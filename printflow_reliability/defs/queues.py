"""The platform's queues and its Redis servers in the graph."""

import dagster as dg

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import SystemsGraph, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED, schedule
from printflow_reliability.defs.ticks import HEARTBEATS, KEPT, holder, is_preview, tick_settings
from printflow_reliability.queues.look import check_queues
from printflow_reliability.queues.turn import INTERVAL_SECONDS, queues_turn

GROUP = "queues"
QUEUE_CHECKS = ("queues.age", "queues.failed", "queues.stalled", "queues.workers")
QUEUES = ("name", "kind", "depth", "oldest_seconds", "failed", "growth", "stalled", "workers", "unreadable")
SERVERS = ("name", "role", "aof_enabled", "appendfsync", "maxmemory_policy", "evicted_keys", "unreadable")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"redis", "postgres"},
    freshness_policy=words.EVERY_HALF_HOUR,
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
    freshness_policy=words.EVERY_HALF_HOUR,
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


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at every queue, worker and Redis each minute, records what is found and alerts. A failed tick "
    "means that nobody looks: its error says why (printflow queues). What it finds in trouble is an alert, and fails "
    "no tick. It stands by while printflow watch has the lease.",
)
def queue_watch(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look unless another does; in the tick itself, since each run is a process of its own."""
    if is_preview(context):
        return dg.SkipReason("preview: nothing is recorded and nobody is told")
    with as_dagster_failure(), KEPT.used():
        turn = queues_turn(tick_settings(), holder(), HEARTBEATS)
    return dg.SkipReason(turn.describe())


def _looks_at_queues(graph: SystemsGraph) -> bool:
    return graph.settings is None or bool(graph.settings.queue or graph.settings.worker)


@dg.definitions
def definitions() -> dg.Definitions:
    """The queues and Redis servers of printflow.toml; nothing of what it does not name."""
    graph = configured()
    assets: list[dg.AssetsDefinition] = []
    if _looks_at_queues(graph):
        assets.append(graph.place(queue_health, [spec.key for spec in graph.queues.values()]))
    if graph.redis:
        assets.append(graph.place(redis_durability, [spec.key for spec in graph.redis.values()]))
    if not assets:
        return dg.Definitions()
    return dg.Definitions(
        assets=assets,
        schedules=[
            schedule(
                "queues_every_half_hour",
                "9,39 * * * *",
                [asset.key.to_user_string() for asset in assets],
                "Look at every queue, at what works on it and at every Redis, for the history.",
                tags=HARMLESS | SHORT_LIVED,
            )
        ],
        sensors=[queue_watch],
    )
