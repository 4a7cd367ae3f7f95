"""Backups in the graph: base backups, the WAL between them, every stored byte, and the window that they make."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Literal

import dagster as dg
from pydantic import Field

from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.cluster_partitions import (
    chosen_clusters,
    cluster_partitions,
    schedule_of_all_clusters,
)
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import CLUSTER_LOST, SystemsGraph, configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result, shortened
from printflow_reliability.defs.schedules import HARMLESS, schedule

GROUP = "backups"
TAKEN_COLUMNS = (
    *("cluster", "repo", "label", "type", "outcome", "seconds", "database_bytes", "copied_bytes", "bytes", "ratio"),
    *("wal_start", "wal_stop", "damaged_files", "resumed", "annotations", "detail"),
)
EVERY_BASE_BACKUP = dg.AssetDep("base_backup", partition_mapping=dg.AllPartitionMapping())
EXPIRY_COLUMNS = ("cluster", "repo", "label", "finished_at", "soundness", "reason")
WINDOW_COLUMNS = ("repository", "from", "to", "state", "seconds", "detail")


class BaseBackupConfig(dg.Config):
    """What kind of base backup to take, where, and who asks for it."""

    type: Literal["full", "diff", "incr"] = Field(
        default="incr",
        description="full: every file; diff: what changed since the last full backup; incr: what changed since "
        "the last backup of any kind. Without a full backup before it, each of them is a full one.",
    )
    repository: int | None = Field(
        default=None, description="The number of the one repository to back up into; without one, all of them."
    )
    by: str = Field(default="", description="Your name, kept with the backup. A schedule gives its own.")
    reason: str = Field(default="", description="Why the backup is taken, kept with it.")


def base_backup_of(graph: SystemsGraph) -> dg.AssetsDefinition:
    """The asset with a partition for each cluster of the configuration."""
    partitions = cluster_partitions(graph)

    @dg.asset(
        group_name=GROUP,
        owners=words.OWNERS,
        kinds={"postgres", "pgbackrest"},
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
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
        """Take a base backup of the chosen clusters."""
        from printflow_reliability.backups.base_backup import take_base_backups
        from printflow_reliability.backups.taken import BackupRequest

        chosen = chosen_clusters(context, partitions)
        request = BackupRequest(
            chosen, config.repository, config.type, config.by or asked_by(context.run.tags), config.reason
        )
        with as_dagster_failure():
            report = take_base_backups(configuration.settings(), request, tell=context.log.warning)
        rows = [backup.as_json() for backup in report.backups]
        return result(
            report,
            "backup.recent",
            part=chosen is not None,
            headline={"type": config.type, "requested_by": request.by},
            first=("backups_taken", "database_bytes", "backup_bytes", "compression_ratio", "damaged_files"),
            tables={"backups": shortened(rows, TAKEN_COLUMNS, len(rows), "printflow backup list")},
        )

    return base_backup


def asked_by(tags: Mapping[str, str]) -> str:
    """What launched a run that names no person."""
    schedule_name = tags.get("dagster/schedule_name")
    return f"schedule {schedule_name}" if schedule_name else "Dagster"


class VerificationConfig(dg.Config):
    """How much of the repositories to read."""

    everything: bool = Field(
        default=False, description="Read every byte, also what was read before; it takes as long as a whole restore."
    )


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres", "pgbackrest"},
    deps=[EVERY_BASE_BACKUP],
    freshness_policy=words.EVERY_HOUR,
    check_specs=check_specs("wal_archive", "wal.continuity", "wal.lag", blocking=True),
    description="The archived WAL of every cluster from the oldest backup on. Red: segments are missing or "
    "late, so some moments cannot be restored. Find the cause before a new backup: printflow wal "
    "verify",
)
def wal_archive(configuration: Configuration) -> dg.MaterializeResult:
    """Look for gaps in the archive."""
    from printflow_reliability.backups.wal import verify_wal

    with as_dagster_failure():
        report = verify_wal(configuration.settings())
    return result(report, "wal.continuity", "wal.lag")


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"pgbackrest"},
    deps=[EVERY_BASE_BACKUP],
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
    from printflow_reliability.backups.integrity import verify_repositories

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
    from printflow_reliability.backups.window.picture import Row, svg
    from printflow_reliability.backups.window.window import recoverable_window as find_window

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


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"pgbackrest"},
    deps=["backup_integrity"],
    freshness_policy=words.EVERY_DAY,
    pool=words.REPOSITORY_POOL,
    check_specs=check_specs("backup_expiry", "backup.retention"),
    description="What the retention policy keeps of each repository and what expires, and why. It is carried out only "
    "where backups.retention.apply is true. Red: what should have expired stays, or pgBackRest's own settings "
    "contradict the policy. See printflow backup expire",
)
def backup_expiry(configuration: Configuration) -> dg.MaterializeResult:
    """Plan what expires, and let it expire where the configuration says so."""
    from printflow_reliability.backups.retention.expire import expire_backups

    with as_dagster_failure():
        settings = configuration.settings()
        report = expire_backups(settings, apply=settings.backups.retention.apply)
    plan = [entry for entry in report.as_json()["plan"] if entry["action"] == "expire"]
    return result(
        report,
        "backup.retention",
        headline={"applied": report.applied},
        tables={"expiring": shortened(plan, EXPIRY_COLUMNS, len(plan), "printflow backup expire")},
    )


@dg.definitions
def definitions() -> dg.Definitions:
    """Backups of every cluster of printflow.toml."""
    graph = configured()
    base_backup = base_backup_of(graph)
    return dg.Definitions(
        assets=[
            graph.place(asset, graph.all_clusters, runbook=CLUSTER_LOST)
            for asset in (base_backup, wal_archive, backup_integrity, recoverable_window, backup_expiry)
        ],
        schedules=[
            schedule_of_all_clusters(
                "weekly_full_backup",
                "0 1 * * 0",
                base_backup,
                "A full base backup of every cluster into every repository, on Sundays.",
                config={"type": "full", "reason": "weekly"},
            ),
            schedule_of_all_clusters(
                "daily_incremental_backup",
                "0 1 * * 1-6",
                base_backup,
                "An incremental base backup of every cluster into every repository, on the other days.",
                config={"type": "incr", "reason": "daily"},
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
            schedule(
                "daily_backup_expiry",
                "15 8 * * *",
                ["backup_expiry"],
                "Plan which base backups expire; with backups.retention.apply, let them expire.",
            ),
        ],
    )
