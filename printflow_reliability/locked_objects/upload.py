"""Sending a stream of unknown length to the bucket, in parts, with bounded memory; what is not complete is no object.

Beside the part that is being filled, one is on its way.
"""

import base64
import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.locked_objects.store import MODE, LockedStore

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

SMALLEST_PART = 8 * 1024**2
MOST_PARTS = 10_000
"""Of one object, by S3's rules."""
AMPLE_PARTS = 5_000
"""How many parts a database of known size is cut into at most: a dump, compressed, is smaller than that."""


def part_bytes(database_bytes: int) -> int:
    """How large the parts of a dump must be for 10,000 to suffice, with as much again to spare."""
    return max(SMALLEST_PART, -(-database_bytes // AMPLE_PARTS))


class LockedUpload:
    """An upload of one object under Object Lock; a file that can only be written.

    At the end of the block it is ended without a trace unless `complete` was called.

    Attributes:
        bytes, sha256: of what was written so far.
    """

    def __init__(self, store: LockedStore, key: str, *, until: datetime, part_size: int) -> None:
        self.bytes = 0
        self._store, self._key, self._until, self._part_size = store, key, until, part_size
        self._hash = hashlib.sha256()
        self._filling = bytearray()
        self._parts: list[Future[CompletedPartTypeDef]] = []
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._upload_id: str | None = None

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        with self._store.errors():
            answer = self._store.client.create_multipart_upload(
                Bucket=self._store.bucket.bucket,
                Key=self._key,
                ContentType="application/octet-stream",
                ObjectLockMode=MODE,
                ObjectLockRetainUntilDate=self._until,
            )
        self._upload_id = answer["UploadId"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._upload_id is not None:
            # A store that is away keeps it; the next run ends what is left unfinished.
            with suppress(PrintflowError), self._store.errors():
                self._store.client.abort_multipart_upload(
                    Bucket=self._store.bucket.bucket, Key=self._key, UploadId=self._upload_id
                )

    def write(self, data: bytes) -> int:
        """Take some bytes; returns how many.

        Raises:
            CouldNotTell: the store did not take an earlier part, or there would be too many.
        """
        self._hash.update(data)
        self._filling += data
        self.bytes += len(data)
        if len(self._filling) >= self._part_size:
            self._send()
        return len(data)

    def flush(self) -> None:
        """What is a file has this; a part that is not full is kept."""

    def complete(self) -> str:
        """Make an object of what was written; its version.

        Raises:
            CouldNotTell: the store did not take it.
        """
        if self._filling or not self._parts:
            self._send()
        parts = [part.result() for part in self._parts]
        with self._store.errors():
            answer = self._store.client.complete_multipart_upload(
                Bucket=self._store.bucket.bucket,
                Key=self._key,
                UploadId=self._upload_id or "",
                MultipartUpload={"Parts": parts},
            )
            self._upload_id = None
            there = self._store.client.head_object(Bucket=self._store.bucket.bucket, Key=self._key)
        if there["ContentLength"] != self.bytes:
            raise CouldNotTell(
                f"{self._key} has {there['ContentLength']:,} bytes in the bucket, and {self.bytes:,} were sent; "
                "it does not count as a copy"
            )
        return answer.get("VersionId") or there["VersionId"]

    def _send(self) -> None:
        if self._parts:
            self._parts[-1].result()  # one part is on its way, no more
        number = len(self._parts) + 1
        if number > MOST_PARTS:
            raise CouldNotTell(f"{self._key} is larger than {MOST_PARTS:,} parts of {self._part_size:,} bytes")
        body, self._filling = bytes(self._filling), bytearray()
        self._parts.append(self._pool.submit(self._send_part, number, body))

    def _send_part(self, number: int, body: bytes) -> "CompletedPartTypeDef":
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        with self._store.errors():
            answer = self._store.client.upload_part(
                Bucket=self._store.bucket.bucket,
                Key=self._key,
                UploadId=self._upload_id or "",
                PartNumber=number,
                Body=body,
                ContentMD5=digest,  # the store refuses a part that changed on its way
            )
        return {"ETag": answer["ETag"], "PartNumber": number}


def put_locked(store: LockedStore, key: str, body: bytes, until: datetime) -> None:
    """Put a small object under Object Lock, and read its lock back.

    Raises:
        CouldNotTell: the store did not take it, or does not lock it.
    """
    with store.errors():
        try:
            answer = store.client.put_object(
                Bucket=store.bucket.bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
                ObjectLockMode=MODE,
                ObjectLockRetainUntilDate=until,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "PreconditionFailed":
                raise
            raise CouldNotTell(f"something put {key} there before us", "run the command again") from None
    store.require_locked(key, answer["VersionId"], until)
