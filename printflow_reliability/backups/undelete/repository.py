"""A repository in a versioned bucket of S3: its versions, and the two requests that bring a file back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from printflow_reliability.backups.configuration import RepositoryOptions
from printflow_reliability.backups.s3_endpoint import S3Endpoint, as_url
from printflow_reliability.backups.undelete.history import Step, Way
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.settings import BreakGlassSettings, BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.refusals import answered
from printflow_reliability.storage.version_listing import Entry, list_versions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

LARGEST_COPY = 5 * 1024**3
"""Bytes that S3 copies in one request."""
COPY_OF = "printflow-copy-of"
"""Metadata of a copy: the version that it was made of. Its etag is another one where the source came in parts (AWS), or
where S3 encrypts (SSE-KMS), so that it does not tell that a file is back."""


class VersionRefused(CouldNotTell):
    """The store answers, and does not hand out this one version: encrypted with somebody else's key, archived, gone."""


@dataclass(frozen=True)
class VersionedRepository:
    """One stanza's part of a repository.

    Attributes:
        options: the repository's, from pgBackRest's configuration.
        file: that configuration, for messages.
        stanza: whose part.
        credentials: for a disaster; None where pgBackRest's own are used, which is to look and no more.
    """

    options: RepositoryOptions
    file: Path
    stanza: str
    credentials: BreakGlassSettings | None = field(default=None, repr=False)

    @property
    def prefix(self) -> str:
        """What every key of the repository begins with."""
        path = self.options.require("path", self.file).strip("/")
        return f"{path}/" if path else ""

    @property
    def bucket(self) -> str:
        """What S3 calls the bucket."""
        return self.options.require("s3-bucket", self.file)

    def require_versions(self) -> datetime:
        """Make sure that the bucket keeps what is overwritten; the store's own time.

        Raises:
            ConfigError: it never did, so there is nothing to bring back, and writing would destroy.
            CouldNotTell: it cannot be asked, or does not any more.
        """
        with self._errors():
            answer = self._client.get_bucket_versioning(Bucket=self.bucket)
        _require_enabled(self.bucket, answer.get("Status"))
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(date) if date else datetime.now(UTC)

    def entries(self) -> Iterator[Entry]:
        """Every version and delete marker of the stanza's files, those of a key together, newest first.

        Raises:
            CouldNotTell: the bucket cannot be listed.
        """
        for folder in ("archive", "backup"):
            with self._errors():
                yield from list_versions(self._client, self.bucket, f"{self.prefix}{folder}/{self.stanza}/")

    def read(self, version: Entry) -> bytes:
        """The bytes of a version, as they are stored.

        Raises:
            VersionRefused: the store does not hand it out.
            CouldNotTell: it does not answer.
        """
        with self._errors():
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=version.key, VersionId=version.version_id)
            except ClientError as error:
                told = answered(self._settings, error.response.get("Error", {}).get("Code", "?"))
                raise VersionRefused(f"{told.what} for a version of {version.key}", told.next_step) from None
            return answer["Body"].read()

    def is_done(self, step: Step) -> bool:
        """Whether what the key is now was copied from the version that is to come back."""
        now = step.instead_of
        if step.way is not Way.COPY_VERSION or now is None or now.marker or now.size != step.version.size:
            return False
        with self._errors():
            try:
                answer = self._client.head_object(Bucket=self.bucket, Key=now.key, VersionId=now.version_id)
            except ClientError:
                return False  # whoever encrypted it with a key of his own made no copy of ours
        return answer.get("Metadata", {}).get(COPY_OF) == step.version.version_id

    def carry_out(self, step: Step) -> str | None:
        """Bring one file back; the version id of what was written, if anything was.

        Raises:
            CouldNotTell: the store refused, or does not answer.
        """
        with self._errors():
            if step.way is Way.COPY_VERSION:
                return self._copy(step.version, step.key)
            for marker in step.markers:
                self._client.delete_object(Bucket=self.bucket, Key=step.key, VersionId=marker)
        return None

    def _copy(self, version: Entry, key: str) -> str | None:
        source: CopySourceTypeDef = {"Bucket": self.bucket, "Key": version.key, "VersionId": version.version_id}
        marked: Any = {"Metadata": {COPY_OF: version.version_id}, "MetadataDirective": "REPLACE"}
        if version.size <= LARGEST_COPY:
            answer = self._client.copy_object(Bucket=self.bucket, Key=key, CopySource=source, **marked)
            return answer.get("VersionId")
        whole = TransferConfig(use_threads=False)
        self._client.copy(source, self.bucket, key, ExtraArgs=marked, Config=whole)
        return self._client.head_object(Bucket=self.bucket, Key=key).get("VersionId")

    @cached_property
    def _client(self) -> "S3Client":
        return s3_client(self._settings)

    @cached_property
    def _settings(self) -> BucketSettings:
        if not self.options.is_on("storage-verify-tls", "s3-verify-tls", "s3-verify-ssl", default=True):
            raise ConfigError(
                f"{self.file} says that nobody looks who answers for repo{self.options.number} (storage-verify-tls), "
                "and such a server gets no credentials that can change it",
                f"repo{self.options.number}-storage-ca-file={{the authority of its certificate}}",
            )
        endpoint = self.options.require("s3-endpoint", self.file)
        host = urlsplit(as_url(endpoint)).hostname or ""
        key = self.credentials.access_key_id if self.credentials else self.options.get("s3-key")
        secret = self.credentials.secret_access_key if self.credentials else self.options.get("s3-key-secret")
        ca_file = self.options.get("storage-ca-file", "s3-ca-file")
        return BucketSettings(
            name=f"repo{self.options.number}",
            bucket=self.bucket,
            endpoint_url=None if host.endswith(".amazonaws.com") else S3Endpoint(self.options, self.file).address,
            region=self.options.require("s3-region", self.file),
            access_key_id=key,
            secret_access_key=secret,
            ca_file=Path(ca_file) if ca_file else None,
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with s3_errors(self._settings):
                yield
        except VersionRefused:
            raise
        except CouldNotTell as failed:
            whose = "backups.break_glass" if self.credentials else f"repo{self.options.number}-s3-key"
            raise CouldNotTell(
                failed.what,
                f"is repo{self.options.number}-s3-* in {self.file} right, and may the key of {whose} list, read and "
                "write versions there, and delete markers?",
            ) from None


def _require_enabled(bucket: str, status: str | None) -> None:
    if status == "Suspended":
        raise CouldNotTell(
            f"versioning of bucket {bucket} is suspended: the versions of before are still there, and what is "
            "written now would overwrite",
            f"find out who suspended it; aws s3api put-bucket-versioning --bucket {bucket} "
            "--versioning-configuration Status=Enabled, then run this again",
        )
    if status != "Enabled":
        raise ConfigError(
            f"versioning of bucket {bucket} was never enabled: what was deleted is gone, or would be overwritten",
            "restore from another repository; for the next time, enable versioning of every repository's bucket",
        )
