"""Where orphans are moved to, and whether anything is safe there: apart from all tenants, and for long enough.

What cannot be told of a bucket's lifecycle is refused like a lifecycle that is too short: it might end the only copy.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.files.new_objects import may_write, writer
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.protection.configuration import Answer, lifecycle_of, read_configuration
from printflow_reliability.files.protection.item import named
from printflow_reliability.files.protection.public_access import public_access
from printflow_reliability.platform.tenancy import Tenant
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.text import counted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "files.quarantine_bucket"


@dataclass(frozen=True)
class Place:
    """The bucket of copies, and what their keys begin with."""

    bucket: BucketSettings
    prefix: str

    @property
    def client(self) -> "S3Client":
        """With the key that may write there."""
        return writing(self.bucket)

    def new_key(self, bucket: str, tenant: str) -> str:
        """A key of its own for a copy: no odd key of a tenant, and none that is too long, is repeated in it."""
        return f"{self.prefix}{quote(bucket, safe='')}/{quote(tenant, safe='')}/{uuid4()}"

    def require_apart(self, tenants: Iterable[Tenant], buckets: Collection[str]) -> None:
        """Raises:
        ConfigError: copies would lie among a tenant's files, or where the platform's files are listed.
        """
        if self.bucket.name in buckets:
            raise ConfigError(
                f'{KEY}: rows refer into bucket "{self.bucket.name}", so that copies would be listed there',
                "name a bucket that no reference points into",
            )
        for tenant in tenants:
            for path in tenant.base_paths:
                if path.startswith(self.prefix) or self.prefix.startswith(path):
                    raise ConfigError(
                        f'files.quarantine_prefix: "{self.prefix}" and "{path}", a base path of tenant {tenant.id}, '
                        "lie within each other",
                        "name a prefix that no base path begins with",
                    )

    def require_private(self) -> None:
        """Make sure that no stranger reads what is copied there.

        Raises:
            CouldNotTell: the bucket does not answer, or does not tell.
            Refused: strangers may list or read it.
        """
        who = public_access(self.bucket, read_configuration(self.bucket))
        if who.outcome is Outcome.FAIL:
            raise Refused(
                f'{KEY}: strangers may read bucket "{self.bucket.name}", into which customers\' files would be '
                f"copied: {who.detail}",
                who.command,
            )
        if who.counts_as is Outcome.UNKNOWN:
            raise CouldNotTell(
                f'whether strangers may read bucket "{self.bucket.name}" is not known: {who.detail}',
                f'let audit_access_key_id of bucket "{self.bucket.name}" read its policy and its ACL',
            )

    def require_lasting(self, longest_days: int, now: datetime | None = None) -> None:
        """Make sure that no lifecycle rule ends a copy while a backup may still be restored that refers to it.

        Args:
            longest_days: for how long backups are kept.
            now: the present.

        Raises:
            CouldNotTell: the rules are not known.
            Refused: one of them ends copies too early.
        """
        found = lifecycle_of(self.bucket)
        if not found.known:
            raise CouldNotTell(
                f'whether bucket "{self.bucket.name}" keeps copies for longer than {counted(longest_days, "day")} is '
                f"not known: {found.reason}",
                f'let audit_access_key_id of bucket "{self.bucket.name}" read its lifecycle',
            )
        ending = ends_early(found, self.prefix, longest_days, now or datetime.now(UTC))
        if ending:
            raise Refused(
                f'{ending} of bucket "{self.bucket.name}" ends what lies below {self.prefix} while backups, which are '
                f"kept for up to {counted(longest_days, 'day')}, may still refer to it",
                f"let the rule wait for more than {counted(longest_days, 'day')}, or leave the prefix out of it",
            )


def place_of(settings: Settings) -> Place:
    """The place that printflow.toml names.

    Raises:
        ConfigError: it names none.
    """
    name = settings.files.quarantine_bucket
    if name is None:
        raise ConfigError(f"{KEY}: is missing, so there is no place to move orphans to", f'{KEY} = "NAME" in [files]')
    return Place(settings.bucket_named(name), settings.files.quarantine_prefix)


def writing(bucket: BucketSettings) -> "S3Client":
    """A client with the key that may write to a bucket: its heal key, or the only key that it has."""
    return writer(bucket) if may_write(bucket) else s3_client(bucket)


def require_one_name(settings: Settings, listed: Collection[str], nameable: Collection[str]) -> None:
    """Make sure that no bucket in which orphans are looked for has another name that rows may use.

    Args:
        settings: the whole file.
        listed: the buckets that references point into, by name.
        nameable: those that a row may name at any time.

    Raises:
        Refused: what rows name under that other name would look like an orphan.
    """
    known = {settings.bucket_named(name).store: name for name in listed}
    for bucket in settings.bucket:
        name = known.get(bucket.store, bucket.name)
        if name != bucket.name and bucket.name in {*listed, *nameable}:
            first, second = sorted((name, bucket.name))
            raise Refused(
                f'"{first}" and "{second}" are the same bucket on the same server, and rows may name both: files '
                "of one look like orphans of the other",
                "have the queries return one of the names, and take the other [[bucket]] out of printflow.toml",
            )


def require_versions(buckets: Iterable[BucketSettings]) -> None:
    """Make sure, by the buckets' own answers, that a delete leaves the object as a version.

    Raises:
        Refused: it would not.
        CouldNotTell: a bucket does not answer.
    """
    for bucket in buckets:
        if not Presence(bucket).keeps_versions():
            raise Refused(
                f'bucket "{bucket.name}" keeps no versions: a delete would be final',
                "enable its versioning (printflow files protect has the command), then run the command again",
            )


def ends_early(found: Answer, prefix: str, longest_days: int, now: datetime) -> str:
    """The name of a lifecycle rule that ends current objects below a prefix too early; empty if none does."""
    rules: Sequence[Mapping[str, Any]] = found.value.get("Rules", ())
    for rule in rules:
        if rule.get("Status") != "Enabled" or not _concerns(rule, prefix):
            continue
        expiration = rule.get("Expiration", {})
        days, date = expiration.get("Days"), expiration.get("Date")
        if days is not None and days <= longest_days:
            return named(rule)
        if date is not None and date <= now + timedelta(days=longest_days):
            return named(rule)
    return ""


def _concerns(rule: Mapping[str, Any], prefix: str) -> bool:
    limits = rule.get("Filter", {})
    limits = limits.get("And", limits)
    below = limits.get("Prefix") or rule.get("Prefix") or ""
    return prefix.startswith(below) or below.startswith(prefix)
