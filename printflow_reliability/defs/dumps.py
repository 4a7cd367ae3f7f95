"""Logical dumps in the graph: one partition a cluster, and whether what was dumped can be read and restored."""

import dagster as dg
from pydantic import Field

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.backups import GROUP
from printflow_reliability.defs.cluster_partitions import (
    chosen_clusters,
    cluster_partitions,
    schedule_of_all_clusters,
)
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, SystemsGraph, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, schedule

EXPIRY_COLUMNS = ("key", "database", "bytes", "reason", "deleted")


class DumpVerificationConfig(dg.Config):
    """How far dumps are verified."""

    restore: bool = Field(
        default=False,
        description="Also restore the newest dump of each database into a throwaway cluster, and count its rows there.",
    )


def logical_dump_of(graph: SystemsGraph) -> dg.AssetsDefinition:
    """The asset with a partition for each cluster of the configuration."""
    partitions = cluster_partitions(graph)

    @dg.asset(
        group_name=GROUP,
        owners=words.OWNERS,
        kinds={"postgres", "s3"},
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        freshness_policy=words.EVERY_DAY,
        check_specs=check_specs("logical_dump", "dump.recent", blocking=True),
        description="An encrypted dump of every database of a cluster, in the offsite bucket under Object Lock. Red: a "
        "database has no recent dump that nobody can delete. The verdict names it; then run: printflow dump run",
    )
    def logical_dump(context: dg.AssetExecutionContext, configuration: Configuration) -> dg.MaterializeResult:
        """Dump the chosen clusters."""
        from printflow_reliability.dumps.run import take_dumps

        chosen = chosen_clusters(context, partitions)
        with as_dagster_failure():
            report = take_dumps(configuration.settings(), clusters=chosen, tell=context.log.warning)
        return result(report, "dump.recent", part=chosen is not None, first=("dumps", "dump_bytes", "dumped_rows"))

    return logical_dump


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "s3"},
    deps=[dg.AssetDep("logical_dump", partition_mapping=dg.AllPartitionMapping())],
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("dump_verification", "dump.content", blocking=True),
    description="The newest dump of every database, decrypted, read whole and compared with its snapshot. Red: "
    "a dump does not hold every row, cannot be read, or was not verified in time. A machine without "
    "dumps.identity_file judges by what the one that has it recorded: printflow dump verify",
)
def dump_verification(
    context: dg.AssetExecutionContext, config: DumpVerificationConfig, configuration: Configuration
) -> dg.MaterializeResult:
    """Verify the newest dumps, or see when they were."""
    from printflow_reliability.dumps.content import judge_content
    from printflow_reliability.dumps.store import required
    from printflow_reliability.dumps.verify import verify_dumps

    with as_dagster_failure():
        settings = configuration.settings()
        if required(settings).identity_file is None:
            context.log.info("dumps.identity_file is not set here: judged by the records")
            return result(judge_content(settings), "dump.content")
        report = verify_dumps(settings, restore=config.restore)
    return result(report, "dump.content", first=("verified_dumps", "verified_rows"))


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"s3"},
    deps=["dump_verification"],
    freshness_policy=words.EVERY_DAY,
    check_specs=check_specs("dump_expiry", "dump.retention"),
    description="Which dumps are deleted now that their lock has ended, and which stay and why. It is carried out only "
    "where dumps.apply_expiry is true. Red: what should be gone stays, or the bucket refuses. See printflow dump "
    "expire",
)
def dump_expiry(configuration: Configuration) -> dg.MaterializeResult:
    """Plan what is deleted, and delete it where the configuration says so."""
    from printflow_reliability.dumps.expire import judged_expiry
    from printflow_reliability.dumps.store import required

    with as_dagster_failure():
        settings = configuration.settings()
        applied = required(settings).apply_expiry
        report = judged_expiry(settings, apply=applied)
    plan = [entry for entry in report.as_json()["plan"] if entry["action"] == "delete"]
    return result(
        report,
        "dump.retention",
        headline={"applied": applied},
        tables={"expiring": shortened(plan, EXPIRY_COLUMNS, len(plan), "printflow dump expire")},
    )


trial_restore = dg.define_asset_job(
    "trial_restore",
    selection=["dump_verification"],
    config={"ops": {"dump_verification": {"config": {"restore": True}}}},
    description="Restore the newest dump of every database into a throwaway cluster, and compare its rows.",
)


@dg.definitions
def definitions() -> dg.Definitions:
    """Dumps of every cluster of printflow.toml; nothing where it has no [dumps]."""
    graph = configured()
    if graph.settings is not None and graph.settings.dumps is None:
        return dg.Definitions()
    logical_dump = logical_dump_of(graph)
    return dg.Definitions(
        assets=[
            graph.place(logical_dump, graph.all_clusters, runbook=CLUSTER_LOST),
            graph.place(dump_verification, runbook=CLUSTER_LOST),
            graph.place(dump_expiry, runbook=CLUSTER_LOST),
        ],
        jobs=[trial_restore],
        schedules=[
            schedule_of_all_clusters(
                "nightly_dumps",
                "30 2 * * *",
                logical_dump,
                "An encrypted dump of every database of every cluster.",
            ),
            schedule(
                "daily_dump_verification",
                "30 6 * * 1-6",
                ["dump_verification"],
                "Read the newest dump of every database whole, and compare its rows.",
                tags=HARMLESS,
            ),
            schedule(
                "daily_dump_expiry",
                "30 8 * * *",
                ["dump_expiry"],
                "Plan which dumps are deleted; with dumps.apply_expiry, delete them.",
            ),
            dg.ScheduleDefinition(
                name="weekly_trial_restore",
                job=trial_restore,
                cron_schedule="30 6 * * 0",
                execution_timezone="UTC",
                description="On Sundays, also restore each of them into a throwaway cluster.",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            ),
        ],
    )
