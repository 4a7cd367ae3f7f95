"""Writing an object under a key that is free: nothing is ever replaced, and what was written is read back."""

import hashlib
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.silence import chunks

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NULL_VERSION = "null"
"""The id of an object's version without versioning."""
CHANGED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


def may_write(bucket: BucketSettings) -> bool:
    """Whether printflow.toml has a key that may write to the bucket."""
    return bool(bucket.heal_access_key_id and bucket.heal_secret_access_key)


def put_new(bucket: BucketSettings, key: str, body: IO[bytes], headers: Mapping[str, Any]) -> str | None:
    """Write the object unless there is one by now; the new version's id, or None if there is.

    Raises:
        CouldNotTell: the bucket does not answer or does not take it.
    """
    with s3_errors(bucket):
        try:
            answer = writer(bucket).put_object(Bucket=bucket.bucket, Key=key, Body=body, IfNoneMatch="*", **headers)
        except ClientError as refused:
            if refused.response.get("Error", {}).get("Code") in CHANGED:
                return None
            raise
    return answer.get("VersionId", NULL_VERSION)


def sha256_of(bucket: BucketSettings, key: str, version: str | None = None) -> str:
    """The SHA-256, as hex, of an object, or of one version of it, as the bucket sends it.

    Raises:
        CouldNotTell: the bucket does not send it.
    """
    digest = hashlib.sha256()
    with s3_errors(bucket):
        which = {} if version is None else {"VersionId": version}
        answer = s3_client(bucket).get_object(Bucket=bucket.bucket, Key=key, **which)  # type: ignore[arg-type]
        for chunk in chunks(bucket, answer["Body"]):
            digest.update(chunk)
    return digest.hexdigest()


def take_back(bucket: BucketSettings, key: str, version: str) -> bool:
    """Remove the version that was written; without versioning the object may be somebody else's by now, and stays."""
    if version == NULL_VERSION:
        return False
    with s3_errors(bucket):
        writer(bucket).delete_object(Bucket=bucket.bucket, Key=key, VersionId=version)
    return True


def store(bucket: BucketSettings, key: str, body: IO[bytes], sha256: str) -> None:
    """Write a PDF under a key of its own; does nothing where the key holds this very content already.

    Raises:
        CouldNotTell: the bucket does not answer, the key holds something else, or what was written reads back
            differently.
    """
    written = put_new(bucket, key, body, {"ContentType": "application/pdf"})
    if sha256_of(bucket, key, written) == sha256:
        return
    if written is None:
        raise CouldNotTell(f"{key!r} holds another file already, and nothing was written")
    removed = take_back(bucket, key, written)
    raise CouldNotTell(f"what was written to {key!r} reads back differently; it was {'removed' if removed else 'left'}")


def writer(bucket: BucketSettings) -> "S3Client":
    """A client with the key that may write to the bucket."""
    writing = {"access_key_id": bucket.heal_access_key_id, "secret_access_key": bucket.heal_secret_access_key}
    return s3_client(bucket.model_copy(update=writing))
