"""`[backups]`: how old backups may be, and how far archiving may lag."""

from pydantic import Field

from printflow_reliability.settings.section import Section


class BackupsSettings(Section):
    """Limits of backups and WAL archiving, in seconds."""

    max_age_seconds: float = Field(
        default=26 * 3600,
        gt=0,
        description="How old the newest sound backup of a cluster may be, in each repository: backup.recent. The "
        "default fits a daily backup with two hours to spare.",
    )
    max_wal_lag_seconds: float = Field(
        default=600,
        gt=0,
        description="How long WAL may wait to be archived: wal.lag. Keep it above PostgreSQL's archive_timeout and "
        "below the RPO that the business accepts.",
    )
    timeout_seconds: float = Field(
        default=6 * 3600,
        gt=0,
        description="How long one backup or one verification of a repository may run before it is ended.",
    )
