"""Every version and delete marker of a bucket, streamed: those of a key together, newest first.

A bucket with versioning answers a delete with a marker and an overwrite with a newer version. S3 gives their times in
whole seconds, so of two entries of the same second only the order of the listing tells which came last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from printflow_reliability.errors import CouldNotTell

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef


@dataclass(frozen=True)
class Entry:
    """A version of an object, or a delete marker.

    Attributes:
        key: in the bucket.
        version_id: "null" for one from before versioning.
        at: when it was made, to the second.
        size: in bytes; 0 of a marker.
        etag: without quotes; "" of a marker.
        marker: whether it is a delete marker.
        latest: whether it is what the key is now.
        storage_class: as the store calls it; "" where it does not say.
    """

    key: str
    version_id: str
    at: datetime
    size: int = 0
    etag: str = ""
    marker: bool = False
    latest: bool = False
    storage_class: str = ""


def list_versions(client: "S3Client", bucket: str, prefix: str) -> Iterator[Entry]:
    """Every entry below a prefix. In memory are a page and the history of one key.

    Raises:
        ClientError, BotoCoreError: the bucket cannot be listed; see `storage.clients.s3_errors`.
        CouldNotTell: the listing is out of order, so that a key's history may come in parts.
    """
    held: list[Entry] = []
    given = ""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        # Of a page boundary inside one key's history, the order is known when the key's end is.
        held += _entries_of(page)
        last = max(entry.key for entry in held) if held else ""
        if held and min(entry.key for entry in held) < given:
            raise CouldNotTell(
                f"the listing of versions is out of order: {held[0].key!r} came after {given!r}",
                "nothing was concluded from it; look at the S3 server",
            )
        yield from newest_first(entry for entry in held if entry.key < last)
        held = [entry for entry in held if entry.key >= last]
        given = last
    yield from newest_first(held)


def newest_first(entries: Iterable[Entry]) -> list[Entry]:
    """In order of key; of a key the latest first, then by time. In one second a version goes before a marker."""
    ordered = sorted(entries, key=lambda entry: (entry.latest, entry.at, not entry.marker), reverse=True)
    return sorted(ordered, key=lambda entry: entry.key)


def _entries_of(page: "ListObjectVersionsOutputTypeDef") -> Iterator[Entry]:
    for version in page.get("Versions", ()):
        yield Entry(
            version["Key"],
            version["VersionId"],
            version["LastModified"],
            version["Size"],
            version["ETag"].strip('"'),
            latest=version["IsLatest"],
            storage_class=version.get("StorageClass", ""),
        )
    for marker in page.get("DeleteMarkers", ()):
        yield Entry(marker["Key"], marker["VersionId"], marker["LastModified"], marker=True, latest=marker["IsLatest"])
