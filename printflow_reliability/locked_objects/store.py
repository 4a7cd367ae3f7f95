"""A bucket under Object Lock, with a clock that agrees with ours; for how long it keeps what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.text import seconds

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLOCK_SECONDS = 60
"""How far our clock may be from the store's: retention is counted from ours, and kept by the store's."""
MODE: Final = "COMPLIANCE"
UNLOCKED = ("NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError")
"""What AWS, and what SeaweedFS, says of a version without a lock."""
STALE_UPLOAD = timedelta(days=1)
"""How old an unfinished upload must be to be ended: none takes that long, so its program was killed."""


@dataclass(frozen=True)
class LockedStore:
    """A bucket under Object Lock, and a client for it.

    Attributes:
        bucket, client: where.
        key: of printflow.toml, which names the bucket.
    """

    bucket: BucketSettings
    client: "S3Client"
    key: str = "dumps.bucket"

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn every failure of the store inside the block into CouldNotTell, and a refused clock into its cause."""
        with s3_errors(self.bucket):
            try:
                yield
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "RequestTimeTooSkewed":
                    raise _clock_is_off("by more than the store accepts") from None
                raise

    def require_lock(self, now: datetime) -> None:
        """Make sure that what is put here can be locked, until the time that is meant.

        Raises:
            ConfigError: the bucket has no Object Lock, or the clocks disagree.
            CouldNotTell: it does not answer.
        """
        name = self.bucket.bucket
        enabled, answer = self._lock_configuration()
        if not enabled:
            raise ConfigError(
                f'bucket "{self.bucket.name}" has no Object Lock, so that copies in it could be deleted',
                f"make a bucket with it (aws s3api create-bucket --bucket {name} --object-lock-enabled-for-bucket), "
                f"and name that in {self.key}",
            )
        said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        try:
            off = (now - parsedate_to_datetime(said).astimezone(UTC)).total_seconds()
        except (TypeError, ValueError):
            raise CouldNotTell(
                f'bucket "{self.bucket.name}" does not say what time it is, so that no lock can be counted from it'
            ) from None
        if abs(off) > CLOCK_SECONDS:
            raise _clock_is_off(f"{seconds(abs(off))} {'ahead of' if off > 0 else 'behind'} the store's")

    def can_lock(self) -> bool:
        """Whether the bucket was made with Object Lock.

        Raises:
            CouldNotTell: it does not answer.
        """
        return self._lock_configuration()[0]

    def _lock_configuration(self) -> tuple[bool, Any]:
        with self.errors():
            try:
                answer: Any = self.client.get_object_lock_configuration(Bucket=self.bucket.bucket)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "ObjectLockConfigurationNotFoundError":
                    raise
                return False, error.response
        return answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled", answer

    def locked_until(self, key: str, version_id: str) -> datetime | None:
        """Until when the store keeps a version, whoever wants it gone; None if anybody could delete it.

        Raises:
            CouldNotTell: it does not answer.
        """
        with self.errors():
            try:
                answer = self.client.get_object_retention(Bucket=self.bucket.bucket, Key=key, VersionId=version_id)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in UNLOCKED:
                    raise
                return None
        retention = answer.get("Retention", {})
        until = retention.get("RetainUntilDate")
        return until.astimezone(UTC) if retention.get("Mode") == MODE and until is not None else None

    def require_locked(self, key: str, version_id: str, until: datetime) -> datetime:
        """Read the lock of a version back: until when it is kept.

        Raises:
            CouldNotTell: it is not locked, or not for as long as was asked.
        """
        said = self.locked_until(key, version_id)
        if said is None or abs((said - until).total_seconds()) > 1:
            kept = "not locked" if said is None else f"locked until {said.isoformat()}"
            raise CouldNotTell(
                f'bucket "{self.bucket.name}" took {key}, but it is {kept} instead of {until.isoformat()}; '
                "it does not count as a copy",
                "see what the store makes of Object Lock in COMPLIANCE mode",
            )
        return said

    def end_stale_uploads(self, now: datetime, *, prefix: str, suffix: str) -> int:
        """End the uploads that killed programs left unfinished; how many there were.

        Args:
            now: the time.
            prefix, suffix: how the keys of those begin and end that are ours.

        Raises:
            CouldNotTell: it does not answer.
        """
        ended = 0
        with self.errors():
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket.bucket, Prefix=prefix
            )
            for page in pages:
                for upload in page.get("Uploads", ()):
                    if upload["Key"].endswith(suffix) and now - upload["Initiated"] > STALE_UPLOAD:
                        self.client.abort_multipart_upload(
                            Bucket=self.bucket.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )
                        ended += 1
        return ended


def _clock_is_off(how: str) -> ConfigError:
    return ConfigError(
        f"the clock of this machine is off: {how}. What is locked by it would be locked for too long, or not "
        "long enough",
        "set the clock (timedatectl set-ntp true), then run the command again",
    )
