"""Backups in the graph: base backups, the WAL between them, every stored byte, and the window that they make."""

from base64 import b64encode
from typing import Literal

import dagster as dg
from pydantic import Field

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.backups.wal import verify_wal
from printflow_reliability.backups.window.picture import Row, svg
from printflow_reliability.backups.window.window import recoverable_window as find_window
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, schedule

GROUP = "backups"
WINDOW_COLUMNS = ("repository", "from", "to", "state", "seconds", "detail")


class BaseBackupConfig(dg.Config):
    """What kind of base backup to take."""

    type: Literal["full", "diff", "incr"] = Field(
        default="incr",
        description="full: every file; diff: what changed since the last full backup; incr: what changed since "
        "the last backup of any kind. Without a full backup before it, each of them is a full one.",
    )


class VerificationConfig(dg.Config):
    """How much of the repositories to read."""

    everything: bool = Field(
        default=False, description="Read every byte, also what was read before; it takes as long as a whole restore."
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
    freshness_policy=words.EVERY_DAY,
    check_specs=[
        *check_specs("backup_integrity", "backup.integrity", blocking=True),
        *check_specs("backup_integrity", "backup.reread"),
    ],
    description="Files of the repositories compared with their manifests: what is new, and a share of the rest, so "
    "that every byte is read again within backups.reread_days. Red: a backup that holds the named file cannot be "
    "restored, or bytes were not read for too long. Take a full backup into that repository: printflow backup run "
    "--type full",
)
def backup_integrity(config: VerificationConfig, configuration: Configuration) -> dg.MaterializeResult:
    """Read what is new in the repositories, and what is due."""
    with as_dagster_failure():
        report = verify_repositories(configuration.settings(), everything=config.everything)
    return result(
        report,
        "backup.integrity",
        "backup.reread",
        first=("oldest_unread_seconds", "bytes_read", "bytes_known_good"),
    )


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"pgbackrest"},
    deps=["wal_archive", "backup_integrity"],
    freshness_policy=words.EVERY_HOUR,
    check_specs=check_specs("recoverable_window", "backup.window", blocking=True),
    description="The moments that each repository can restore, as intervals: proven by a drill, provable, a gap, or "
    "unknown. Red: moments of the retention window cannot be restored, or their bytes were not verified. The verdict "
    "names them; see printflow backup window",
)
def recoverable_window(configuration: Configuration) -> dg.MaterializeResult:
    """Put together what is known of the retention window."""
    with as_dagster_failure():
        report = find_window(configuration.settings())
    rows = [Row(f"{window.cluster} repo{window.repository}", window.intervals) for window in report.repositories]
    intervals = [
        {"repository": row.name, **interval.as_json(), "seconds": round(interval.seconds)}
        for row in rows
        for interval in row.intervals
    ]
    # Dagster shows markdown, and of HTML in it nothing: the picture goes in as an image.
    picture = f"![recoverable window](data:image/svg+xml;base64,{b64encode(svg(rows).encode()).decode()})"
    newest_first = shortened(intervals[::-1], WINDOW_COLUMNS, len(intervals), "printflow backup window")
    return result(
        report,
        "backup.window",
        headline={"window": dg.MetadataValue.md(picture)},
        first=("recoverable_seconds", "proven_fraction"),
        tables={"intervals": newest_first},
    )


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
            for asset in (base_backup, wal_archive, backup_integrity, recoverable_window)
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
                "hourly_recoverable_window",
                "22 * * * *",
                ["recoverable_window"],
                "Put together which moments each repository can restore, and which of them a drill has proven.",
                tags=HARMLESS,
            ),
            schedule(
                "daily_backup_verification",
                "0 5 * * *",
                ["backup_integrity"],
                "Read what is new in the repositories, and what is due to be read again.",
                tags=HARMLESS,
            ),
        ],
    )
