"""Restore drills in the graph, and what their history says about the recovery objectives."""

import dagster as dg

from printflow_reliability.checks import REGISTER
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.objectives import objectives
from printflow_reliability.defs.reporting import check_specs, document_table, plainly, result
from printflow_reliability.drills.drill import run_drill

GROUP = "drills"
CHECKS = tuple(name for name in REGISTER if name.startswith("drill."))


class DrillConfig(dg.Config):
    """Which moment to restore to, and from which repository; none named means the drill's own choice."""

    target: str = "latest"
    repository: int | None = None


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "pgbackrest"},
    deps=["wal_archive", "print_files_bucket"],
    freshness_policy=words.EVERY_WEEK,
    pool=words.DRILL_POOL,
    check_specs=check_specs("restore_drill", *CHECKS, blocking=True),
    description="One rehearsed restore: fetched, replayed to the fence and to the end of WAL, validated, torn down. "
    "A failed drill leaves its numbers here all the same, and fails its run.",
)
def restore_drill(config: DrillConfig, configuration: Configuration) -> dg.MaterializeResult:
    """Rehearse the restore of every cluster."""
    with plainly():
        report = run_drill(configuration.settings(), target=config.target, repository=config.repository)
    document = report.as_json()
    checks = [{"check": one.check, "outcome": one.outcome, "detail": one.detail} for one in report.checks]
    return result(
        report,
        *CHECKS,
        metadata={
            "drill": document["id"],
            "outcome": "passed" if document["passed"] else "not passed",
            "validation": dg.MetadataValue.md(document_table(checks, ("check", "outcome", "detail"))),
            "report": str(document["report"]),
        },
    )


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres"},
    deps=["restore_drill"],
    freshness_policy=words.EVERY_WEEK,
    description="Recovery time and recovery point, measured by the drills so far, against their targets.",
)
def recovery_objectives(configuration: Configuration) -> dg.MaterializeResult:
    """Read the drills' history."""
    with plainly():
        return dg.MaterializeResult(metadata=objectives(configuration.settings()))


run_restore_drill = dg.define_asset_job(
    "run_restore_drill",
    selection=["restore_drill"],
    description="One rehearsed restore. A crashed one is not begun again by itself.",
    run_tags={"dagster/max_retries": "0"},
)
state_objectives = dg.define_asset_job(
    "state_objectives", selection=["recovery_objectives"], description="Read the drills' history again."
)


@dg.asset_sensor(
    asset_key=dg.AssetKey("restore_drill"),
    job=state_objectives,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="After every drill, also a failed one: state the recovery objectives again.",
)
def drill_finished(context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry) -> dg.RunRequest:
    """A drill left its numbers; its run may have failed, so nothing downstream of it ran."""
    del context
    return dg.RunRequest(run_key=asset_event.run_id)


definitions = dg.Definitions(
    assets=[restore_drill, recovery_objectives],
    jobs=[run_restore_drill, state_objectives],
    schedules=[
        dg.ScheduleDefinition(
            name="weekly_restore_drill",
            job=run_restore_drill,
            cron_schedule="0 3 * * 0",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
    ],
    sensors=[drill_finished],
)
