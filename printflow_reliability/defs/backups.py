"""Backups in the graph: base backups, the WAL between them, and every stored byte against its manifest."""

from typing import Literal

import dagster as dg
from pydantic import Field

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.backups.wal import verify_wal
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result
from printflow_reliability.defs.schedules import HARMLESS, schedule

GROUP = "backups"


class BaseBackupConfig(dg.Config):
    """What kind of base backup to take."""

    type: Literal["full", "diff", "incr"] = Field(
        default="incr",
        description="full: every file; diff: what changed since the last full backup; incr: what changed since "
        "the last backup of any kind. Without a full backup before it, each of them is a full one.",
    )


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "pgbackrest"},
    freshness_policy=words.EVERY_DAY,
    pool=words.REPOSITORY_POOL,
    check_specs=check_specs("base_backup", "backup.recent", blocking=True),
    description="A base backup of every cluster in every repository, as it is found there after it was taken. "
    "Red: at least one repository has no recent, sound backup, and nothing below it ran. The "
    "verdict names it; then run: printflow backup run",
)
def base_backup(
    context: dg.AssetExecutionContext, config: BaseBackupConfig, configuration: Configuration
) -> dg.MaterializeResult:
    """Take a base backup of every cluster."""
    with as_dagster_failure():
        report = take_base_backups(configuration.settings(), backup_type=config.type, tell=context.log.warning)
    return result(report, "backup.recent", headline={"type": config.type})


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "pgbackrest"},
    deps=["base_backup"],
    freshness_policy=words.EVERY_HOUR,
    check_specs=check_specs("wal_archive", "wal.continuity", "wal.lag", blocking=True),
    description="The archived WAL of every cluster from the oldest backup on. Red: segments are missing or "
    "late, so some moments cannot be restored. Find the cause before a new backup: printflow wal "
    "verify",
)
def wal_archive(configuration: Configuration) -> dg.MaterializeResult:
    """Look for gaps in the archive."""
    with as_dagster_failure():
        report = verify_wal(configuration.settings())
    return result(report, "wal.continuity", "wal.lag")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"pgbackrest"},
    deps=["base_backup"],
    freshness_policy=words.EVERY_WEEK,
    check_specs=check_specs("backup_integrity", "backup.integrity", blocking=True),
    description="Every file of the repositories compared with its manifest. Red: a backup that holds the named "
    "file cannot be restored. Take a full backup into that repository: printflow backup run --type "
    "full",
)
def backup_integrity(configuration: Configuration) -> dg.MaterializeResult:
    """Read the repositories whole."""
    with as_dagster_failure():
        report = verify_repositories(configuration.settings())
    return result(report, "backup.integrity")


full_backup = dg.define_asset_job(
    "full_backup",
    selection=["base_backup"],
    config={"ops": {"base_backup": {"config": {"type": "full"}}}},
    description="A full base backup of every cluster into every repository.",
)


@dg.definitions
def definitions() -> dg.Definitions:
    """Backups of every cluster of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[
            graph.place(asset, graph.all_clusters, runbook=CLUSTER_LOST)
            for asset in (base_backup, wal_archive, backup_integrity)
        ],
        jobs=[full_backup],
        schedules=[
            dg.ScheduleDefinition(
                name="weekly_full_backup",
                job=full_backup,
                cron_schedule="0 1 * * 0",
                execution_timezone="UTC",
                description="A full base backup of every cluster, on Sundays.",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            ),
            schedule(
                "daily_incremental_backup",
                "0 1 * * 1-6",
                ["base_backup"],
                "An incremental base backup of every cluster, on the other days.",
            ),
            schedule(
                "hourly_wal_verification",
                "7 * * * *",
                ["wal_archive"],
                "Look for gaps in the archived WAL, and for archiving that lags.",
                tags=HARMLESS,
            ),
            schedule(
                "weekly_backup_verification",
                "0 5 * * 0",
                ["backup_integrity"],
                "Read the repositories whole and compare every file with its manifest.",
                tags=HARMLESS,
            ),
        ],
    )
