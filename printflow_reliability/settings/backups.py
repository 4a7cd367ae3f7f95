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
