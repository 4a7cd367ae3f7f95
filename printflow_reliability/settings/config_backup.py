"""`[config_backup]`: what of configuration, secrets and queues is copied, and for whom it is encrypted."""

from pathlib import Path

from pydantic import Field

from printflow_reliability.settings.dumps import AgeRecipient
from printflow_reliability.settings.redis import RedisUrl
from printflow_reliability.settings.section import SECRET, Section

DEFAULT_NAME = "main"


class RedisCopySettings(Section):
    """One Redis whose queues are copied: pending, delayed, reserved and failed jobs, as `redis-cli --pipe` reads them.

    A role that may read suffices: `+@read -@dangerous +info +ping +hello +select +multi +exec`.
    """

    name: str = Field(
        pattern=r"^[A-Za-z0-9_.-]+$", description="What the copy calls it; unique. Letters, digits and `_.-` only."
    )
    url: RedisUrl = Field(
        json_schema_extra=SECRET,
        description="Address with user, password and number of the database: redis://USER:PASSWORD@HOST:PORT/0, "
        "rediss:// for TLS, unix:///PATH for a socket.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the server's certificate. Absent: the system's authorities.",
    )
    patterns: tuple[str, ...] = Field(
        default=("*queues:*", "*horizon*", "bull:*"),
        min_length=1,
        description="Patterns, as SCAN MATCH takes them, of what is copied. The default fits queues of Laravel with "
        "any prefix, Horizon, and BullMQ with its own prefix.",
    )


class ConfigBackupSettings(Section):
    """Daily copies of configuration and secrets, of the records and of queues. Without this section there are none.

    Besides `paths` a copy has printflow.toml with every file that it names, and the values of the variables that it
    names; pgBackRest's configuration with its passphrases; and of every cluster its settings, configuration files and
    roles. It is a tar archive, compressed by zstd and encrypted with age, in the bucket of [dumps] under Object Lock:
    `age --decrypt | zstd --decompress | tar --extract` reads it without this program. The records' database, and
    Dagster's storage where `dagster.storage_url` names it, are dumped beside it as [dumps] says.
    """

    fingerprint_secret: str = Field(
        min_length=16,
        json_schema_extra=SECRET,
        description="A secret of 16 characters or more. The manifest of a copy, which is not encrypted, holds a keyed "
        "hash of each file by which changes are found; without the secret nobody can guess a content from it. With "
        "another secret one comparison is unknown.",
    )
    name: str = Field(
        default=DEFAULT_NAME,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="What the copies of this machine are called. Where several machines copy into one bucket, give "
        "each a name of its own: a copy is compared with the one before of the same name.",
    )
    paths: tuple[Path, ...] = Field(
        default=(),
        description="Files and directories with the platform's configuration and secrets, such as /etc/nginx or an "
        ".env file. Directories are copied whole; a file of more than 64 MB is not, and is named.",
    )
    bucket: str | None = Field(
        default=None, description="The `name` of the [[bucket]] that copies go to. Default: that of [dumps]."
    )
    recipients: tuple[AgeRecipient, ...] = Field(
        default=(),
        description="Public keys of age (age1...) of those who can read the copies. Default: those of [dumps].",
    )
    daily_at: str = Field(
        default="03:10",
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="Time of day (UTC) at which Dagster takes the daily copy.",
    )
    lock_days: float = Field(
        default=90,
        gt=0,
        description="Days for which nobody can delete a copy; never more than `dumps.max_lock_days`. "
        "`config expire` deletes what is older.",
    )
    max_age_seconds: float = Field(
        default=26 * 3600,
        gt=0,
        description="How old the newest copy may be: config.recent. The default fits a daily copy with two hours to "
        "spare.",
    )
    max_verification_age_seconds: float = Field(
        default=26 * 3600,
        gt=0,
        description="How long ago the newest copy may have been read whole and compared: config.content. The default "
        "fits a daily verification.",
    )
    redis: tuple[RedisCopySettings, ...] = ()
