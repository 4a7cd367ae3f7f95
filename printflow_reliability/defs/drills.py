"""Restore drills in the graph, and what their history says about the recovery objectives."""

from urllib.parse import quote, urlencode

import dagster as dg
from pydantic import Field

from printflow_reliability.check_rows import check_rows
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, configured
from printflow_reliability.defs.reporting import (
    as_dagster_failure,
    check_specs,
    document_table,
    ordered,
    result,
    verdict,
)
from printflow_reliability.defs.schedules import HARMLESS, schedule
from printflow_reliability.errors import ConfigError
from printflow_reliability.register import REGISTER
from printflow_reliability.settings import Settings

GROUP = "drills"
SHOWN_DRILLS = 10
OBJECTIVE_NUMBERS = ("rto_seconds", "rpo_seconds")
COUNTS = ("tables", "rows", "references", "missing_files", "lost_files", "printable_orders", "open_orders")
FIRST = (*OBJECTIVE_NUMBERS, *COUNTS, "fetched_bytes")
COLUMNS = ("id", "started_at", "target", "repository", "outcome", "rto_seconds", "rpo_seconds")
TIER_COLUMNS = (
    *("tier", "outcome", "rpo_seconds", "rpo_target_seconds", "rto_seconds", "rto_target_seconds", "detail"),
)
OBJECTIVES, TIERS = "recovery.objectives", "recovery.tiers"
CHECKS = tuple(name for name in REGISTER if name.startswith("drill."))


class DrillConfig(dg.Config):
    """What to restore, and from where."""

    target: str = Field(
        default="latest",
        description="latest: the end of WAL from the newest backup; longest: the end of WAL from the oldest "
        "backup; random: a moment between backups; or a time with its zone, such as "
        "2026-11-01T12:00:00+00:00.",
    )
    repository: int | None = Field(
        default=None,
        description="The number of the pgBackRest repository to restore from; without one, the first that all "
        "clusters have.",
    )


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "pgbackrest"},
    deps=["wal_archive", "recovery_fence"],
    freshness_policy=words.EVERY_WEEK,
    pool=words.REPOSITORY_POOL,
    check_specs=check_specs("restore_drill", *CHECKS, blocking=True),
    description="One rehearsed restore of every cluster: fetched, replayed to the fence and to the end of WAL, "
    "promoted, validated, torn down. Red: a recovery now would fail, lose data, or cannot be "
    "judged; the verdict says which checks and what to do. A failed drill leaves its numbers here "
    "all the same. It is never begun again by itself: printflow drill run",
)
def restore_drill(
    context: dg.AssetExecutionContext, config: DrillConfig, configuration: Configuration
) -> dg.MaterializeResult:
    """Rehearse the restore of every cluster."""
    from printflow_reliability.drills import wording
    from printflow_reliability.drills.drill import run_drill

    with as_dagster_failure():
        settings = configuration.settings()
        report = run_drill(settings, target=config.target, repository=config.repository)
    document = report.as_json()
    if not report.passed:
        # Dagster marks the materialization with a green tick all the same: this event beside it says that it is none.
        context.log_event(
            dg.AssetObservation(
                context.asset_key,
                description=f"drill {report.id}: {wording.verdict(document)}",
                metadata=verdict(report.checks),
            )
        )
    checks = [
        {"check": ", ".join(row.names), "outcome": row.word, "detail": row.detail}
        for row in check_rows(document["checks"])
    ]
    return result(
        report,
        *CHECKS,
        headline={
            **{name: report.numbers[name] for name in OBJECTIVE_NUMBERS if name in report.numbers},
            "report": report_link(settings, report.id, report.report),
            "drill": report.id,
            **({"interrupted": report.interrupted} if report.interrupted else {}),
            **({"unrecorded": document["unrecorded"]} if document["unrecorded"] else {}),
        },
        first=FIRST,
        tables={"validation": dg.MetadataValue.md(document_table(checks, ("check", "outcome", "detail")))},
    )


def report_link(settings: Settings, drill: int, address: str | None) -> str | dg.UrlMetadataValue:
    """A link to a drill's report that a browser opens; where there is none, the command that fetches it."""
    command = f"printflow drill report {drill}"
    if address is None:
        return f"not kept; printflow drill show {drill}"
    if not address.startswith("s3://"):
        return dg.MetadataValue.url(address)
    name, _, key = address.removeprefix("s3://").partition("/")
    bucket = settings.bucket_named(settings.drills.reports_bucket or "")
    if bucket.endpoint_url is not None:
        return f"{command} (in the bucket {name}; drills.reports_url would make this a link)"
    query = urlencode({"region": bucket.region, "prefix": key})
    return dg.MetadataValue.url(f"https://s3.console.aws.amazon.com/s3/object/{quote(name)}?{query}")


class StandbyDrillConfig(dg.Config):
    """Where the WAL of a drill from standbys comes from."""

    repository: int | None = Field(
        default=None,
        description="The number of the pgBackRest repository to replay WAL from; without one, the first that all "
        "clusters have.",
    )


@dg.op(
    pool=words.REPOSITORY_POOL,
    description="Rehearse with the files of the clusters' standbys. It proves no backup, so that it is no "
    "restore_drill: no check of that asset, and no objective, hears of it.",
)
def drill_from_standby(
    context: dg.OpExecutionContext, config: StandbyDrillConfig, configuration: Configuration
) -> None:
    """Rehearse; a run that shows that something is not well, or that could not tell, fails."""
    from printflow_reliability.drills import wording
    from printflow_reliability.drills.drill import run_drill

    with as_dagster_failure():
        settings = configuration.settings()
        report = run_drill(settings, repository=config.repository, from_standby=True)
    document = report.as_json()
    told = {
        **verdict(report.checks),
        "proves": wording.NO_BACKUP,
        "report": report_link(settings, report.id, report.report),
        "drill": report.id,
        **ordered(report.numbers, FIRST),
    }
    context.add_output_metadata(told)
    if not report.passed:
        raise dg.Failure(
            description=f"drill {report.id} from the standby: {wording.verdict(document)}",
            metadata={"next_step": f"printflow drill show {report.id}", **told},
            allow_retries=False,
        )


@dg.job(
    description="Rehearse a restore with the files of the clusters' standbys and the WAL of the archive. Red: what the "
    "standby holds cannot be relied on, or could not be judged; the error says why. It proves no backup: that is the "
    "asset restore_drill. On the command line: printflow drill run --from-standby",
)
def standby_drill() -> None:
    """Rehearse with the files of standbys."""
    drill_from_standby()


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres"},
    deps=["restore_drill"],
    freshness_policy=words.EVERY_WEEK,
    check_specs=check_specs("recovery_objectives", OBJECTIVES, TIERS),
    description="Recovery time and recovery point as the drills so far measured them, against their targets, with a "
    "forecast at twice the data and the manual steps; and those of the other tiers of data. Red: nothing recent proves "
    "the targets. See: printflow drill objectives",
)
def recovery_objectives(configuration: Configuration) -> dg.MaterializeResult:
    """Judge the drills' history."""
    from printflow_reliability.drills.objectives import state_objectives

    with as_dagster_failure():
        report = state_objectives(configuration.settings())
    history = dg.MetadataValue.md(document_table(report.drills[:SHOWN_DRILLS], COLUMNS))
    rows = report.as_json()["tiers"]
    tiers = dg.MetadataValue.md(document_table(rows, TIER_COLUMNS))
    return result(report, OBJECTIVES, TIERS, first=OBJECTIVE_NUMBERS, tables={"tiers": tiers, "history": history})


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres"},
    freshness_policy=words.EVERY_DAY,
    description="A restore point in every cluster with what every table held there; drills to past moments "
    "compare with it. Red: no fence was recorded today, so drills to this day have nothing exact to "
    "compare with. Record one: printflow drill fence",
)
def recovery_fence(configuration: Configuration) -> dg.MaterializeResult:
    """Record a fence."""
    from printflow_reliability.drills.fences.nightly import record_fence

    with as_dagster_failure():
        report = record_fence(configuration.settings())
    document = report.as_json()
    clusters = dg.MetadataValue.md(document_table(document["clusters"], ("name", "lsn", "tables", "rows")))
    return result(report, headline={"fence": document["name"]}, tables={"clusters": clusters})


judge_objectives = dg.define_asset_job(
    "judge_objectives",
    selection=["recovery_objectives"],
    description="State the recovery objectives from the drills' history.",
    run_tags=HARMLESS,
)


@dg.schedule(
    target=["restore_drill"],
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Rehearse a restore every week: another target each time, from each repository in turn.",
)
def weekly_restore_drill(context: dg.ScheduleEvaluationContext, configuration: Configuration) -> dg.RunRequest:
    """Choose this week's target and repository."""
    from printflow_reliability.drills.rotation import plan_of_week
    from printflow_reliability.restore.repositories import common_repositories

    try:
        repositories = common_repositories(configuration.settings())
    except ConfigError:
        # The run says why, and a failed run alerts; a failed tick tells nobody.
        return dg.RunRequest(tags={"drill/target": "latest"})
    target, repository = plan_of_week(context.scheduled_execution_time.date(), repositories)
    return dg.RunRequest(
        run_config=dg.RunConfig(ops={"restore_drill": DrillConfig(target=target, repository=repository)}),
        tags={"drill/target": target.partition("T")[0], "drill/repository": f"repo{repository}"},
    )


@dg.asset_sensor(
    asset_key=dg.AssetKey("restore_drill"),
    job=judge_objectives,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="After every drill, also a failed one: state the recovery objectives again.",
)
def drill_finished(context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry) -> dg.RunRequest:
    """A drill left its numbers; its run may have failed, so nothing downstream of it ran."""
    del context
    return dg.RunRequest(run_key=asset_event.run_id)


@dg.definitions
def definitions() -> dg.Definitions:
    """Drills that restore every cluster of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[
            graph.place(restore_drill, [*graph.all_clusters, *graph.referenced_buckets], runbook=CLUSTER_LOST),
            graph.place(recovery_objectives, runbook=CLUSTER_LOST),
            graph.place(recovery_fence, graph.all_clusters, runbook=CLUSTER_LOST),
        ],
        jobs=[judge_objectives, standby_drill],
        schedules=[
            weekly_restore_drill,
            schedule(
                "nightly_recovery_fence",
                "30 2 * * *",
                ["recovery_fence"],
                "Record what every table holds, so that drills to past moments have something exact to compare with.",
            ),
            schedule(
                "daily_recovery_objectives",
                "0 6 * * *",
                ["recovery_objectives"],
                "State the recovery objectives every day, since a drill that does not run says nothing by itself.",
                tags=HARMLESS,
            ),
        ],
        sensors=[drill_finished],
    )
