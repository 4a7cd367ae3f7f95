"""Backups in the graph: base backups, the WAL between them, and every stored byte against its manifest."""

from typing import Literal

import dagster as dg

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.backups.wal import verify_wal
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import configured
from printflow_reliability.defs.reporting import check_specs, plainly, result

GROUP = "backups"


class BaseBackupConfig(dg.Config):
    """What kind of base backup to take; an incremental one without a full one before it becomes full."""

    type: Literal["full", "diff", "incr"] = "incr"


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "pgbackrest"},
    freshness_policy=words.EVERY_DAY,
    pool=words.REPOSITORY_POOL,
    check_specs=check_specs("base_backup", "backup.recent", blocking=True),
    description="A base backup of every cluster in every repository; its result is read from what is stored.",
)
def base_backup(config: BaseBackupConfig, configuration: Configuration) -> dg.MaterializeResult:
    """Take a base backup of every cluster."""
    with plainly():
        report = take_base_backups(configuration.settings(), backup_type=config.type)
    return result(report, "backup.recent", metadata={"type": config.type})


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "pgbackrest"},
    deps=["base_backup"],
    freshness_policy=words.EVERY_HOUR,
    check_specs=check_specs("wal_archive", "wal.continuity", "wal.lag", blocking=True),
    description="The archived WAL of every cluster from the oldest backup on: whole, and not lagging behind.",
)
def wal_archive(configuration: Configuration) -> dg.MaterializeResult:
    """Look for gaps in the archive."""
    with plainly():
        report = verify_wal(configuration.settings())
    return result(report, "wal.continuity", "wal.lag")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"pgbackrest"},
    deps=["base_backup"],
    freshness_policy=words.EVERY_WEEK,
    check_specs=check_specs("backup_integrity", "backup.integrity", blocking=True),
    description="Every stored byte of the repositories against its manifest.",
)
def backup_integrity(configuration: Configuration) -> dg.MaterializeResult:
    """Read the repositories whole."""
    with plainly():
        report = verify_repositories(configuration.settings())
    return result(report, "backup.integrity")


full_backup = dg.define_asset_job(
    "full_backup",
    selection=["base_backup"],
    config={"ops": {"base_backup": {"config": {"type": "full"}}}},
    description="A full base backup of every cluster.",
    run_tags={"dagster/max_retries": "0"},
)
incremental_backup = dg.define_asset_job(
    "incremental_backup",
    selection=["base_backup"],
    description="An incremental base backup of every cluster.",
    run_tags={"dagster/max_retries": "0"},
)
verify_archive = dg.define_asset_job(
    "verify_archive", selection=["wal_archive"], description="Look for gaps in the archived WAL."
)
verify_backups = dg.define_asset_job(
    "verify_backups", selection=["backup_integrity"], description="Read the repositories whole."
)

RUNNING = dg.DefaultScheduleStatus.RUNNING


@dg.definitions
def definitions() -> dg.Definitions:
    """Backups of every cluster of printflow.toml."""
    graph = configured()
    return dg.Definitions(
        assets=[graph.place(asset, graph.all_clusters) for asset in (base_backup, wal_archive, backup_integrity)],
        jobs=[full_backup, incremental_backup, verify_archive, verify_backups],
        schedules=[
            dg.ScheduleDefinition(
                name="weekly_full_backup", job=full_backup, cron_schedule="0 1 * * 0", default_status=RUNNING
            ),
            dg.ScheduleDefinition(
                name="daily_incremental_backup",
                job=incremental_backup,
                cron_schedule="0 1 * * 1-6",
                default_status=RUNNING,
            ),
            dg.ScheduleDefinition(
                name="hourly_wal_verification", job=verify_archive, cron_schedule="7 * * * *", default_status=RUNNING
            ),
            dg.ScheduleDefinition(
                name="weekly_backup_verification", job=verify_backups, cron_schedule="0 5 * * 0", default_status=RUNNING
            ),
        ],
    )
