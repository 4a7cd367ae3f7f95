"""One object's bytes and all that belongs to them, from one bucket to another, whatever servers these are on.

Metadata travels in headers, which hold ASCII only: what is not comes encoded as RFC 2047 has it, which is how S3 itself
gives it; what it was stays in the manifest.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.carried import HEADERS, mail_safe
from printflow_reliability.files.new_objects import CHANGED, NULL_VERSION
from printflow_reliability.files.parts import LARGEST_AT_ONCE, SENT_PART, Target, in_parts
from printflow_reliability.records.quarantine import Records
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.silence import chunks

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LEGAL_HOLD = "ObjectLockLegalHoldStatus"


class CutShort(CouldNotTell):
    """A store sends less of one object than it says there is. Others are not concerned."""


@dataclass(frozen=True)
class Belongings:
    """What an object has besides its bytes.

    Attributes:
        headers: content type and the like, by boto3's names.
        metadata: as it was.
        tags: by name.
        lock: ObjectLockMode, ObjectLockRetainUntilDate (ISO 8601) and ObjectLockLegalHoldStatus, as far as it has them.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    lock: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As the manifest keeps it."""
        return asdict(self)

    def arguments(self, **metadata: str) -> dict[str, Any]:
        """What PUT takes; `metadata` is added, with dashes for underscores. S3 refuses a lock that has ended."""
        more = {name.replace("_", "-"): value for name, value in metadata.items()}
        arguments: dict[str, Any] = {
            **self.headers,
            "Metadata": {name: mail_safe(value) for name, value in {**self.metadata, **more}.items()},
        }
        if self.tags:
            arguments["Tagging"] = urlencode(self.tags)
        lock, until = dict(self.lock), self.lock.get("ObjectLockRetainUntilDate")
        if lock.get(LEGAL_HOLD) != "ON":  # a bucket without Object Lock refuses even a hold that is off
            lock.pop(LEGAL_HOLD, None)
        if until is None or datetime.fromisoformat(until) <= datetime.now(UTC):  # a legal hold has no end
            lock.pop("ObjectLockRetainUntilDate", None)
            lock.pop("ObjectLockMode", None)
        for name, value in lock.items():
            arguments[name] = datetime.fromisoformat(value) if name.endswith("Date") else value
        return arguments


def fetch(
    bucket: BucketSettings, client: "S3Client", key: str, version: str, body: IO[bytes]
) -> tuple[Belongings, str]:
    """Read a version of an object into a file; what else belongs to it, and its SHA-256 as hex.

    Raises:
        ClientError: the store refuses.
        CutShort: the bytes are fewer than the store says.
    """
    digest = hashlib.sha256()
    answer: Any = client.get_object(Bucket=bucket.bucket, Key=key, VersionId=version)
    for chunk in chunks(bucket, answer["Body"]):
        digest.update(chunk)
        body.write(chunk)
    if body.tell() != answer["ContentLength"]:
        sent = f"{body.tell():,} of {answer['ContentLength']:,} bytes of {key!r}"
        raise CutShort(f'bucket "{bucket.name}" sent {sent}', "try again")
    body.seek(0)
    tags = client.get_object_tagging(Bucket=bucket.bucket, Key=key, VersionId=version)["TagSet"]
    lock = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name in ("ObjectLockMode", "ObjectLockRetainUntilDate", LEGAL_HOLD)
        if (value := answer.get(name))
    }
    belongings = Belongings(
        {name: answer[name] for name in HEADERS if answer.get(name)},
        answer.get("Metadata", {}),
        {tag["Key"]: tag["Value"] for tag in tags},
        lock,
    )
    return belongings, digest.hexdigest()


def send(
    bucket: BucketSettings,
    client: "S3Client",
    key: str,
    body: IO[bytes],
    arguments: Mapping[str, Any],
    records: Records | None = None,
    over: str = "",
) -> str | None:
    """Write an object under a key that is free; its version, or None if the key is not free.

    Args:
        bucket, client: where, and with which key.
        key: of the object.
        body: its bytes.
        arguments: what it carries.
        records: know of an upload in parts until it has ended.
        over: the ETag, without quotes, of what the key must hold instead of nothing.

    Raises:
        ClientError: the store refuses.
    """
    body.seek(0, 2)
    size = body.tell()
    body.seek(0)

    def part(upload: str, number: int, first: int, length: int) -> str:
        body.seek(first)
        which: Any = {"Bucket": bucket.bucket, "Key": key, "UploadId": upload}
        return client.upload_part(**which, PartNumber=number, Body=body.read(length))["ETag"]

    if size > LARGEST_AT_ONCE:
        listed = client.list_objects_v2(Bucket=bucket.bucket, Prefix=key, MaxKeys=1).get("Contents", ())
        if not over and any(item["Key"] == key for item in listed):
            return None  # known before all of it was sent
        return in_parts(client, Target(bucket, key, dict(arguments), over=over), size, SENT_PART, part, records)
    condition: Any = {"IfMatch": f'"{over}"'} if over else {"IfNoneMatch": "*"}
    try:
        answer = client.put_object(Bucket=bucket.bucket, Key=key, Body=body, **condition, **arguments)
    except ClientError as refused:
        if refused.response.get("Error", {}).get("Code") in CHANGED:
            return None
        raise
    return answer.get("VersionId", NULL_VERSION)


def digest_of(bucket: BucketSettings, client: "S3Client", key: str, version: str) -> str:
    """The SHA-256, as hex, of a version as the bucket sends it.

    Raises:
        ClientError: the store refuses.
    """
    digest = hashlib.sha256()
    which = {} if version == NULL_VERSION else {"VersionId": version}
    answer: Any = client.get_object(Bucket=bucket.bucket, Key=key, **which)  # type: ignore[arg-type]
    for chunk in chunks(bucket, answer["Body"]):
        digest.update(chunk)
    return digest.hexdigest()
