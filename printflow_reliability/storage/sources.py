"""Where a bucket's objects are read from: LIST, the listing of versions, or the newest S3 Inventory.

What each of them shows are the current objects. Whoever concludes from what one does not show asks for the object by
its key: an inventory is hours old, and a listing may lack what came meanwhile.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.inventory import Inventory, newest_inventory
from printflow_reliability.storage.pages import StoredObject, fetcher, list_pages
from printflow_reliability.storage.side_by_side import SideBySide
from printflow_reliability.storage.workers import Workers

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef


class Source(Protocol):
    """The current objects of one bucket.

    Attributes:
        as_of: the moment that they are known of; None for now.
    """

    @property
    def as_of(self) -> datetime | None:
        """The moment that the objects are known of; None for now."""

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        """Those below a prefix, fast, and in the byte order of their keys if the source keeps it.

        Raises:
            OrderBroken: it does not.
            CouldNotTell: it does not answer, or not whole.
        """

    def listed_anyhow(self, prefix: str) -> Iterator[StoredObject]:
        """The same in any order, without relying on one.

        Raises:
            CouldNotTell: it does not answer, or not whole.
        """


class ObjectListing:
    """LIST, in several requests side by side where there are many objects."""

    as_of: datetime | None = None

    def __init__(self, bucket: BucketSettings) -> None:
        self._bucket = bucket

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        """Those below a prefix."""
        requests = self._bucket.listing_requests
        if requests == 1:
            yield from self.listed_anyhow(prefix)
            return
        with s3_errors(self._bucket), Workers(requests) as pool:
            listing = SideBySide(self._bucket.name, fetcher(self._bucket), pool, requests)
            yield from itertools.chain.from_iterable(listing.pages(prefix))

    def listed_anyhow(self, prefix: str) -> Iterator[StoredObject]:
        """The same by one listing, as the store gives it."""
        return itertools.chain.from_iterable(list_pages(self._bucket, prefix))


class VersionListing:
    """The listing of versions, of which the newest of each key is an object unless it is a delete marker."""

    as_of: datetime | None = None

    def __init__(self, bucket: BucketSettings) -> None:
        self._bucket = bucket

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        """Those below a prefix."""
        with s3_errors(self._bucket):
            pages = s3_client(self._bucket).get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._bucket.bucket, Prefix=prefix):
                yield from _current(page)

    def listed_anyhow(self, prefix: str) -> Iterator[StoredObject]:
        """The same."""
        return self.listed(prefix)


class InventoryListing:
    """The newest inventory of a bucket; what is asked for below a prefix is listed, as it is a part only."""

    def __init__(self, bucket: BucketSettings, inventory: Inventory) -> None:
        self._inventory = inventory
        self._listing = ObjectListing(bucket)

    @property
    def as_of(self) -> datetime | None:
        """When the inventory was begun."""
        return self._inventory.as_of

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        """Those below a prefix."""
        return self._listing.listed(prefix) if prefix else self._inventory.objects()

    def listed_anyhow(self, prefix: str) -> Iterator[StoredObject]:
        """The same."""
        return self._listing.listed_anyhow(prefix) if prefix else self._inventory.objects()


@dataclass(frozen=True)
class Part:
    """What a source has below some prefixes alone; what is asked for below another prefix is for the source to say."""

    source: Source
    prefixes: tuple[str, ...]

    @property
    def as_of(self) -> datetime | None:
        """As the source's."""
        return self.source.as_of

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        """Those below the prefixes, each once."""
        return itertools.chain.from_iterable(map(self.source.listed, outermost(self.prefixes, prefix)))

    def listed_anyhow(self, prefix: str) -> Iterator[StoredObject]:
        """The same in any order."""
        return itertools.chain.from_iterable(map(self.source.listed_anyhow, outermost(self.prefixes, prefix)))


def outermost(prefixes: Iterable[str], prefix: str = "") -> list[str]:
    """The prefixes, or another one in place of them, in byte order and without those that lie within one of them."""
    found: list[str] = []
    for each in sorted({prefix} if prefix else {*prefixes}):
        if not found or not each.startswith(found[-1]):
            found.append(each)
    return found


def source_of(settings: Settings, bucket: BucketSettings, prefix: str, *, by_inventory: bool = True) -> Source:
    """What a bucket's objects are read from, as its `listing` says.

    Args:
        settings: has the bucket that inventories are delivered to.
        bucket: where.
        prefix: below which; other than "", an inventory is not read.
        by_inventory: whether objects as of some hours ago will do.

    Raises:
        ConfigError: there is no inventory, or it is of another bucket or lacks columns.
        CouldNotTell: it cannot be read, or is too old.
    """
    if bucket.listing == "versions":
        return VersionListing(bucket)
    if bucket.listing == "inventory" and bucket.inventory_bucket is not None and by_inventory and not prefix:
        return InventoryListing(bucket, newest_inventory(bucket, settings.bucket_named(bucket.inventory_bucket)))
    return ObjectListing(bucket)


def _current(page: "ListObjectVersionsOutputTypeDef") -> Iterator[StoredObject]:
    for version in page.get("Versions", ()):
        if version["IsLatest"]:
            yield StoredObject(version["Key"], version["Size"], version["ETag"].strip('"'), version["LastModified"])
