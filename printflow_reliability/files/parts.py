"""Objects that are too large for one request: copied or written in parts, and nothing is left behind if that fails.

S3 writes and copies at most 5 GB at once. Parts of an upload that was never completed are listed nowhere and cost
money: a failure aborts it, and one that was killed is known from the records, and aborted by the next run. Whoever
uploads holds a lock of the upload, which ends with its session: what holds one is no upload that was killed.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from botocore.exceptions import ClientError
from psycopg.rows import TupleRow

from printflow_reliability.errors import LockHeld
from printflow_reliability.files.new_objects import CHANGED, NULL_VERSION, may_write, writer
from printflow_reliability.records.database import exclusive
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.storage.silence import chunks
from printflow_reliability.storage.single_keys import FAILURES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST_AT_ONCE = 5 * 1024**3
"""Bytes that S3 writes or copies in one request."""
COPIED_PART = 512 * 1024**2
SENT_PART = 32 * 1024**2
MOST_PARTS = 10_000
NO_UPLOAD = "NoSuchUpload"

SendPart = Callable[[str, int, int, int], str]
"""Sends a part, by upload, number, first byte and length; its ETag."""


@dataclass(frozen=True)
class Target:
    """Where an object is written, with what it carries; `only_new`: unless there is an object by then.

    `over` is the ETag, without quotes, of the object that must be there instead; empty where none must.
    """

    bucket: BucketSettings
    key: str
    carried: dict[str, Any]
    only_new: bool = True
    over: str = ""


def same_store(source: BucketSettings, target: BucketSettings) -> bool:
    """Whether a store can copy from one bucket to the other by itself."""
    return (source.endpoint_url, source.region) == (target.endpoint_url, target.region)


def copied(
    target: Target, source: BucketSettings, version_id: str, size: int, records: psycopg.Connection[TupleRow] | None
) -> str | None:
    """Have the store copy a version of the same key in parts; the new version's id, or None if there is an object.

    Raises:
        ClientError, BotoCoreError: it failed; no part is left behind.
    """
    client = writer(target.bucket)
    source_of: Any = {"Bucket": source.bucket, "Key": target.key, "VersionId": version_id}

    def send(upload: str, number: int, first: int, length: int) -> str:
        part = client.upload_part_copy(
            Bucket=target.bucket.bucket,
            Key=target.key,
            UploadId=upload,
            PartNumber=number,
            CopySource=source_of,
            CopySourceRange=f"bytes={first}-{first + length - 1}",
        )
        return part["CopyPartResult"]["ETag"]

    return in_parts(client, target, size, COPIED_PART, send, records)


def sent(
    target: Target, source: BucketSettings, version_id: str, size: int, records: psycopg.Connection[TupleRow] | None
) -> tuple[str | None, str]:
    """The same through this machine, from another store, a part at a time; also the SHA-256 of what was sent.

    Raises:
        ClientError, BotoCoreError: it failed; no part is left behind.
    """
    client, digest = writer(target.bucket), hashlib.sha256()
    answer = s3_client(source).get_object(Bucket=source.bucket, Key=target.key, VersionId=version_id)
    coming, kept = chunks(source, answer["Body"]), bytearray()

    def send(upload: str, number: int, _first: int, length: int) -> str:
        while len(kept) < length and (chunk := next(coming, b"")):
            kept.extend(chunk)
        body = bytes(kept[:length])
        del kept[:length]
        digest.update(body)
        part = {"Bucket": target.bucket.bucket, "Key": target.key, "UploadId": upload}
        return client.upload_part(**part, PartNumber=number, Body=body)["ETag"]  # type: ignore[arg-type]

    written = in_parts(client, target, size, SENT_PART, send, records)
    return written, digest.hexdigest()


def abort_begun(settings: Settings, records: psycopg.Connection[TupleRow]) -> None:
    """End the uploads that a killed run has left, and none that is under way; what refuses stays for later."""
    known = {bucket.name: bucket for bucket in settings.bucket}
    found = records.execute("SELECT id, bucket, key, upload_id FROM begun_uploads ORDER BY id").fetchall()
    for number, name, key, upload in found:
        try:
            with exclusive(records, _lock(upload)):
                if name in known:
                    bucket = known[name]  # the place of the quarantine may have one key for everything
                    _abort(writer(bucket) if may_write(bucket) else s3_client(bucket), bucket.bucket, key, upload)
                records.execute("DELETE FROM begun_uploads WHERE id = %s", (number,))
        except (LockHeld, *FAILURES):
            continue


def _lock(upload: str) -> str:
    return f"upload {upload}"


def in_parts(
    client: "S3Client",
    target: Target,
    size: int,
    part_size: int,
    send: SendPart,
    records: psycopg.Connection[TupleRow] | None,
) -> str | None:
    """Write an object in parts; the new version's id, or None if there is an object.

    Args:
        client: with the key that may write.
        target: what is written.
        size, part_size: in bytes.
        send: sends a part.
        records: know of the upload until it has ended.

    Raises:
        ClientError, BotoCoreError: it failed; no part is left behind.
    """
    length = max(part_size, math.ceil(size / MOST_PARTS))
    place: Any = {"Bucket": target.bucket.bucket, "Key": target.key}
    upload = client.create_multipart_upload(**place, **target.carried)["UploadId"]
    with ExitStack() as stack:
        try:
            stack.enter_context(_noted(records, target, upload))
            parts: list[Any] = []
            for number, first in enumerate(range(0, size, length), 1):
                etag = send(upload, number, first, min(length, size - first))
                parts.append({"PartNumber": number, "ETag": etag})
            condition: Any = {"IfNoneMatch": "*"} if target.only_new else {}
            if target.over:
                condition = {"IfMatch": f'"{target.over}"'}
            done = client.complete_multipart_upload(
                **place, UploadId=upload, MultipartUpload={"Parts": parts}, **condition
            )
        except BaseException as failed:
            _abort(client, target.bucket.bucket, target.key, upload)
            if isinstance(failed, ClientError) and target.only_new and _ended(failed):
                return None
            raise
    return done.get("VersionId", NULL_VERSION)


def _ended(failed: ClientError) -> bool:
    """Whether there may be an object by now: somebody else's, or this very upload's whose first answer was lost."""
    return failed.response.get("Error", {}).get("Code") in (*CHANGED, NO_UPLOAD)


def _abort(client: "S3Client", bucket: str, key: str, upload: str) -> None:
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    except ClientError as refused:
        if refused.response.get("Error", {}).get("Code") != NO_UPLOAD:
            raise


@contextmanager
def _noted(records: psycopg.Connection[TupleRow] | None, target: Target, upload: str) -> Iterator[None]:
    """Have the records know of an upload for as long as its parts may be there."""
    if records is None:
        yield
        return
    with exclusive(records, _lock(upload)):
        row = records.execute(
            "INSERT INTO begun_uploads (bucket, key, upload_id) VALUES (%s, %s, %s) RETURNING id",
            (target.bucket.name, target.key, upload),
        ).fetchone()
        yield
        records.execute("DELETE FROM begun_uploads WHERE id = %s", row)
