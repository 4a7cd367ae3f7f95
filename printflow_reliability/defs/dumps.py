"""Logical dumps in the graph: one partition a cluster, and whether what was dumped can be read and restored."""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.backups import GROUP
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, SystemsGraph, configured
from printflow_reliability.defs.partition_names import identifier_of, partition_of
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result
from printflow_reliability.defs.schedules import HARMLESS, schedule
from printflow_reliability.dumps.content import judge_content
from printflow_reliability.dumps.run import take_dumps
from printflow_reliability.dumps.store import required
from printflow_reliability.dumps.verify import verify_dumps

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
UNCONFIGURED = "unconfigured_cluster"


class DumpVerificationConfig(dg.Config):
    """How far dumps are verified."""

    restore: bool = Field(
        default=False,
        description="Also restore the newest dump of each database into a throwaway cluster, and count its rows there.",
    )


def logical_dump_of(graph: SystemsGraph) -> dg.AssetsDefinition:
    """The asset with a partition for each cluster of the configuration."""
    names = [cluster.name for cluster in graph.settings.cluster] if graph.settings else [UNCONFIGURED]
    partitions = dg.StaticPartitionsDefinition([partition_of(name) for name in names])

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
        chosen = _chosen(context, partitions)
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
    with as_dagster_failure():
        settings = configuration.settings()
        if required(settings).identity_file is None:
            context.log.info("dumps.identity_file is not set here: judged by the records")
            return result(judge_content(settings), "dump.content")
        report = verify_dumps(settings, restore=config.restore)
    return result(report, "dump.content", first=("verified_dumps", "verified_rows"))


trial_restore = dg.define_asset_job(
    "trial_restore",
    selection=["dump_verification"],
    config={"ops": {"dump_verification": {"config": {"restore": True}}}},
    description="Restore the newest dump of every database into a throwaway cluster, and compare its rows.",
)


def nightly_dumps_of(asset: dg.AssetsDefinition) -> dg.ScheduleDefinition:
    """All clusters as one range of partitions, in one run."""
    assert asset.partitions_def is not None  # noqa: S101 - it was made with one
    keys = asset.partitions_def.get_partition_keys()
    tags = {RANGE_START: keys[0], RANGE_END: keys[-1]}

    @dg.schedule(
        name="nightly_dumps",
        target=["logical_dump"],
        cron_schedule="30 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="An encrypted dump of every database of every cluster.",
    )
    def nightly_dumps(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(tags=tags)

    return nightly_dumps


def _chosen(context: dg.AssetExecutionContext, partitions: dg.PartitionsDefinition) -> Sequence[str] | None:
    """The clusters to dump; None where all of them are chosen."""
    keys = context.partition_keys
    return None if set(partitions.get_partition_keys()) <= set(keys) else [identifier_of(key) for key in keys]


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
        ],
        jobs=[trial_restore],
        schedules=[
            nightly_dumps_of(logical_dump),
            schedule(
                "daily_dump_verification",
                "30 6 * * 1-6",
                ["dump_verification"],
                "Read the newest dump of every database whole, and compare its rows.",
                tags=HARMLESS,
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
