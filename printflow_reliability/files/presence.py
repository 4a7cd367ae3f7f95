"""Asking one bucket about single keys, many at once: is it there now, was it there before."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from botocore.exceptions import ClientError

from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.objects import ObjectHead, Version, head, prior_versions, versions
from printflow_reliability.storage.workers import Workers

IN_FLIGHT = 16
LONGEST_KEY_BYTES = 1024
"""S3 has no longer keys; to ask for one is an error rather than a "not found"."""

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(ask: Callable[[T], R], what: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Each with its answer, in order; the first failure is raised."""
    every = list(what)
    with Workers(IN_FLIGHT) as pool:
        yield from zip(every, pool.map(ask, every), strict=True)


class Presence:
    """One bucket, asked about single keys. Every failure but a real 404 is "could not tell"."""

    def __init__(self, bucket: BucketSettings) -> None:
        self.bucket = bucket
        self._client = s3_client(bucket)

    def now(self) -> datetime:
        """The S3 server's clock, by which objects are dated."""
        with s3_errors(self.bucket):
            answer = self._client.head_bucket(Bucket=self.bucket.bucket)
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(date) if date else datetime.now(UTC)

    def head(self, key: str) -> ObjectHead | None:
        """The object of exactly this key, or None if there is none."""
        if not key or len(key.encode()) > LONGEST_KEY_BYTES:
            return None
        with s3_errors(self.bucket):
            if _rewritten(key) and not self._listed(key):
                return None
            try:
                return head(self._client, self.bucket.bucket, key)
            except ClientError as error:
                # A server that does not take the key for one cannot hold it, if it does not list it either.
                if error.response.get("Error", {}).get("Code") in ("400", "InvalidRequest") and not self._listed(key):
                    return None
                raise

    def any_below(self, prefix: str) -> bool:
        """Whether any object lies below a prefix."""
        with s3_errors(self.bucket):
            answer = self._client.list_objects_v2(Bucket=self.bucket.bucket, Prefix=prefix, MaxKeys=1)
        return bool(answer.get("Contents"))

    def some_in(self, folder: str) -> tuple[str, ...]:
        """Keys below a prefix that ends in a slash, at most one page of them."""
        with s3_errors(self.bucket):
            answer = self._client.list_objects_v2(Bucket=self.bucket.bucket, Prefix=folder)
        return tuple(one["Key"] for one in answer.get("Contents", ()))

    def sizes_in(self, folder: str) -> tuple[int, ...]:
        """The sizes in bytes of objects below a prefix, at most one page of them."""
        with s3_errors(self.bucket):
            answer = self._client.list_objects_v2(Bucket=self.bucket.bucket, Prefix=folder)
        return tuple(one["Size"] for one in answer.get("Contents", ()))

    def priors(self, key: str) -> tuple[Version, ...]:
        """The versions with bytes of exactly this key, newest first."""
        if not key or len(key.encode()) > LONGEST_KEY_BYTES:
            return ()
        with s3_errors(self.bucket):
            return prior_versions(self._client, self.bucket.bucket, key)

    def version_at(self, key: str, moment: datetime) -> Version | None:
        """The version with bytes that was current at a moment; None if there was no object then."""
        with s3_errors(self.bucket):
            every = versions(self._client, self.bucket.bucket, key)
        newest = next((one for one in every if one.modified_at <= moment), None)
        return None if newest is None or newest.delete_marker else newest

    def any_prior_below(self, prefix: str) -> bool:
        """Whether any version with bytes lies below a prefix."""
        with s3_errors(self.bucket):
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket.bucket, Prefix=prefix
            )
            return any(page.get("Versions") for page in pages)

    def _listed(self, key: str) -> bool:
        answer = self._client.list_objects_v2(Bucket=self.bucket.bucket, Prefix=key, MaxKeys=1)
        return any(one["Key"] == key for one in answer.get("Contents", ()))


def _rewritten(key: str) -> bool:
    """Whether some servers answer HEAD for another key: SeaweedFS drops empty parts, as in `/a` and `a//b`."""
    return key.startswith("/") or "//" in key or "." in key.split("/")
