"""Asking one bucket about single keys, many at once: is it there now, was it there before."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.storage.lookup import IN_FLIGHT, look_up
from printflow_reliability.storage.objects import ObjectHead, Version, head_in_existing, prior_versions, versions
from printflow_reliability.storage.pages import folder_marker
from printflow_reliability.storage.single_keys import FAILURES, Found, Refusal, SingleKeys, possible
from printflow_reliability.storage.workers import Workers

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(ask: Callable[[T], R], what: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Each with its answer, in order; the first failure is raised."""
    every = list(what)
    with Workers(IN_FLIGHT) as pool:
        yield from zip(every, pool.map(ask, every), strict=True)


class KeyRefused(CouldNotTell):
    """The store refuses to answer for one key. Others are not concerned."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def or_refusal(ask: Callable[[T], R]) -> Callable[[T], R | Refusal]:
    """Ask, and give the store's refusal of this one key as the answer."""

    def answer(what: T) -> R | Refusal:
        try:
            return ask(what)
        except KeyRefused as refused:
            return refused.refusal

    return answer


class Presence:
    """One bucket, asked about single keys. Every failure but a real 404 is "could not tell"."""

    def __init__(self, bucket: BucketSettings) -> None:
        self.bucket = bucket
        self._single = SingleKeys(bucket)
        self._client = self._single.client

    def now(self) -> datetime:
        """The S3 server's clock, by which objects are dated."""
        with s3_errors(self.bucket):
            answer = self._client.head_bucket(Bucket=self.bucket.bucket)
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return parsedate_to_datetime(date) if date else datetime.now(UTC)

    def head(self, key: str) -> ObjectHead | None:
        """The object of exactly this key, or None if there is none.

        Raises:
            KeyRefused: the store does not answer for this key.
        """
        with s3_errors(self.bucket):
            found = self._single.ask(key)
            if found is None:
                self._single.require_bucket()
        if isinstance(found, Refusal):
            raise KeyRefused(found)
        return found

    def look_up(self, keys: Iterable[str]) -> Mapping[str, Found]:
        """What is there under each of these keys, by listings where these are cheaper than asking for each."""
        return look_up(self.bucket, keys, single=self._single)

    def any_below(self, folder: str) -> bool:
        """Whether any object lies below a prefix; a folder marker, which holds nothing, is none."""
        if not possible(folder):
            return False
        with self._errors_of(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.bucket, Prefix=folder)
            return any(
                item["Key"].startswith(folder) and not folder_marker(item["Key"], item["Size"])
                for page in pages
                for item in page.get("Contents", ())
            )

    def some_in(self, folder: str) -> tuple[str, ...]:
        """Keys below a prefix that ends in a slash, at most one page of them."""
        if not possible(folder):
            return ()
        with self._errors_of(folder):
            answer = self._client.list_objects_v2(Bucket=self.bucket.bucket, Prefix=folder)
        return tuple(item["Key"] for item in answer.get("Contents", ()))

    def sizes_in(self, folder: str) -> tuple[int, ...]:
        """The sizes in bytes of objects below a prefix, at most one page of them."""
        with s3_errors(self.bucket):
            answer = self._client.list_objects_v2(Bucket=self.bucket.bucket, Prefix=folder)
        return tuple(item["Size"] for item in answer.get("Contents", ()))

    def priors(self, key: str) -> tuple[Version, ...]:
        """The versions with bytes of exactly this key, newest first."""
        if not possible(key):
            return ()
        with self._errors_of(key):
            return prior_versions(self._client, self.bucket.bucket, key)

    def history(self, key: str) -> tuple[Version, ...]:
        """The versions and delete markers of exactly this key, newest first."""
        if not possible(key):
            return ()
        with self._errors_of(key):
            return versions(self._client, self.bucket.bucket, key)

    def head_of(self, key: str, version: str) -> ObjectHead | None:
        """One version of a key; None if it is not there any more."""
        with self._errors_of(key):
            return head_in_existing(self._client, self.bucket.bucket, key, version)

    def version_at(self, key: str, moment: datetime) -> Version | None:
        """The version with bytes that was current at a moment; None if there was no object then."""
        every = self.history(key)
        newest = next((version for version in every if version.modified_at <= moment), None)
        return None if newest is None or newest.delete_marker else newest

    def keeps_versions(self) -> bool:
        """Whether what is written now leaves every version as it is; where versioning is suspended it does not."""
        with s3_errors(self.bucket):
            return self._client.get_bucket_versioning(Bucket=self.bucket.bucket).get("Status") == "Enabled"

    def any_prior_below(self, folder: str) -> bool:
        """Whether any version with bytes lies below a prefix."""
        if not possible(folder):
            return False
        with self._errors_of(folder):
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket.bucket, Prefix=folder
            )
            return any(
                version["Key"].startswith(folder) and not folder_marker(version["Key"], version["Size"])
                for page in pages
                for version in page.get("Versions", ())
            )

    @contextmanager
    def _errors_of(self, key: str) -> Iterator[None]:
        """What a store refuses, or fails at, for the one key that the block asks about is that key's trouble."""
        with s3_errors(self.bucket):
            try:
                yield
            except FAILURES as error:
                raise KeyRefused(self._single.refusal(key, error)) from None
