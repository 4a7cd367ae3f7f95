"""`[backups]`: how old backups may be, and how far archiving may lag."""

from pydantic import Field

from printflow_reliability.settings.section import SECRET, Section


class BreakGlassSettings(Section):
    """S3 credentials for a disaster, of which the daily ones know nothing: `backup undelete --apply` uses them.

    They list, read and write versions of a repository's bucket and delete its delete markers: s3:ListBucketVersions,
    s3:GetBucketVersioning, s3:GetObjectVersion, s3:PutObject and s3:DeleteObjectVersion. Keep them where an intruder
    who has the daily ones does not find them, and name them here when they are needed.
    """

    repository: int = Field(ge=1, description="Number of the repository in pgBackRest's configuration.")
    access_key_id: str = Field(
        json_schema_extra=SECRET, description="Access key; another than pgBackRest's own for this repository."
    )
    secret_access_key: str = Field(json_schema_extra=SECRET, description="The secret of `access_key_id`.")


class RetentionSettings(Section):
    """How many base backups `backup expire` keeps in each repository, by grandfather-father-son, and how much WAL.

    Days, weeks (from Monday) and months are those of UTC; a period without a sound backup does not count. Let
    pgBackRest's own repoN-retention-full be 9999999, or it expires backups by its own rules.
    """

    daily: int = Field(
        default=14, ge=1, le=10_000, description="Days that keep their newest sound backup, newest days first."
    )
    weekly: int = Field(
        default=8,
        ge=0,
        le=10_000,
        description="Weeks that keep their newest sound full backup, or any if none is full.",
    )
    monthly: int = Field(
        default=12,
        ge=0,
        le=10_000,
        description="Months that keep their newest sound full backup, or any if none is full.",
    )
    wal_days: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="For how many days before the newest backup every moment stays restorable. Older backups keep the "
        "WAL that makes them consistent, and can be restored to their own end only. Absent: WAL is kept from the "
        "oldest backup on.",
    )
    apply: bool = Field(
        default=False,
        description="Whether Dagster carries the plan out every day. Off: it only plans, and a person runs "
        "`printflow backup expire --apply`.",
    )
    overdue_days: float = Field(
        default=14,
        gt=0,
        description="For how many days a backup that no day, week or month needs may still lie there: "
        "backup.retention. The default fits a weekly verification, before which nothing expires, with a week to spare.",
    )


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
    break_glass: tuple[BreakGlassSettings, ...] = Field(
        default=(), description="Credentials that bring a wiped repository back, for each repository."
    )
    max_unverified_seconds: float = Field(
        default=8 * 86400,
        gt=0,
        description="How long ago a repository's last verification may be: backup.window is unknown after that, and "
        "`backup expire` lets nothing expire. A verification runs every day; the default lets a week of them fail.",
    )
    reread_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="Within how many days every stored byte of a repository is read again: backup.reread. A "
        "verification reads what is new, and a share of the rest: with 1 everything, with 30 about a thirtieth a day.",
    )
    retention: RetentionSettings = RetentionSettings()
