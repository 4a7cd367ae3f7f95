"""One bucket, asked about one key at a time: what a store refuses for a key, or fails at, is that key's trouble.

It is the bucket's only where the bucket answers for no other key either. Some stores answer a HEAD of `a//b` with the
object `a/b`: keys with such parts are believed only where a listing of their folder shows these parts.
"""

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client
from printflow_reliability.storage.objects import ObjectHead, head_in_existing
from printflow_reliability.storage.refusals import reason_for_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONGEST_KEY_BYTES = 1024
"""S3 has no longer keys."""
OTHERS_ASKED = 20
"""So many other objects, and not one answer, mean that the bucket does not answer."""
SEVERAL = 3
"""Where fewer others are there to be asked for, one that nobody has tells whether the bucket answers."""
ANSWERED_SECONDS = 5.0
"""How long an answer proves that the bucket answers."""
BEHIND_A_SLASH = "0"
"""The next character: `a0` sorts right behind all that lies below `a/`."""
BAD_REQUEST = 400
"""What S3 answers to whoever asks for an object that is encrypted with a customer's key, and has not got that key."""
NOT_FOUND, EMPTY = 404, 416
"""What it answers to whoever reads the first byte of an object that is not there, or has none: an answer too."""
FAILURES = (ClientError, BotoCoreError)
"""What a client raises where a store refuses, fails or does not answer."""


@dataclass(frozen=True)
class Refusal:
    """Why nothing can be said of one key; `sealed` if only its customer's own key seems to open it."""

    reason: str
    sealed: bool = False


Found = ObjectHead | Refusal | None
"""An object, that there is none, or that it could not be told."""


def possible(key: str) -> bool:
    """Whether S3 can hold such a key at all; to ask for another is an error rather than a "not found"."""
    return bool(key) and len(key.encode(errors="surrogatepass")) <= LONGEST_KEY_BYTES


def ambiguous(key: str) -> bool:
    """Whether some stores answer HEAD for another key: SeaweedFS drops empty parts, and takes `\\` for `/`."""
    return any(_odd(part) for part in key.removesuffix("/").split("/"))


def _odd(part: str) -> bool:
    return part in ("", ".", "..") or "\\" in part


class SingleKeys:
    """Asks a bucket about single keys, from any number of threads; each folder is listed once for all its odd keys."""

    def __init__(self, bucket: BucketSettings) -> None:
        self.bucket = bucket
        self.client: S3Client = s3_client(bucket)
        self._answered_at = dict.fromkeys((self._head, self._read), -math.inf)
        self._existed_at = -math.inf
        self._odd_names: dict[str, Future[frozenset[str]]] = {}
        self._lock = threading.Lock()

    def ask(self, key: str) -> Found:
        """What is there under a key of a bucket that exists.

        Raises:
            ClientError, BotoCoreError: the bucket does not answer for other keys either.
        """
        if not possible(key):
            return None
        try:
            if ambiguous(key) and not self._exactly_listed(key):
                return None
            found = head_in_existing(self.client, self.bucket.bucket, key)
        except FAILURES as error:
            return self.refusal(key, error)
        if found is not None:
            self._answered_at[self._head] = time.monotonic()
        return found

    def refusal(self, key: str, error: ClientError | BotoCoreError, *, reading: bool = False) -> Refusal:
        """What a failure says of the key that was asked about.

        Args:
            key: the key.
            error: the failure.
            reading: the object was to be read, and not only told of.

        Raises:
            ClientError, BotoCoreError: that failure, if the bucket does not answer for other keys either.
        """
        request = self._read if reading else self._head
        if time.monotonic() - self._answered_at[request] > ANSWERED_SECONDS:
            if not self._answers_for_others(key, request):
                raise error
            self._answered_at[request] = time.monotonic()
        return Refusal(reason_for_key(error), sealed=_status(error) == BAD_REQUEST)

    def require_bucket(self) -> None:
        """HEAD has no body to say what was not found: a bucket that is gone must not read as objects that are missing.

        Raises:
            ClientError, BotoCoreError: there is no such bucket, or it does not answer.
        """
        if time.monotonic() - self._existed_at > ANSWERED_SECONDS:
            self.client.head_bucket(Bucket=self.bucket.bucket)
            self._existed_at = time.monotonic()

    @cached_property
    def _impatient(self) -> "S3Client":
        """A client that tries nothing again, for what is asked of many keys until one is answered."""
        return s3_client(self.bucket, attempts=1)

    def forget(self) -> None:
        """List folders anew from now on."""
        with self._lock:
            self._odd_names.clear()

    def _answers_for_others(self, key: str, request: Callable[[str], object]) -> bool:
        """Whether the bucket lists, and answers such a request for any object elsewhere."""
        refused = 0
        try:
            for other in self._others(key):
                if self._answers(request, other):
                    return True
                refused += 1
        except FAILURES:
            return False
        return refused < SEVERAL and self._answers(request, f"printflow-{uuid4()}")

    @staticmethod
    def _answers(request: Callable[[str], object], key: str) -> bool:
        try:
            request(key)
        except FAILURES:
            return False
        return True

    def _head(self, key: str) -> None:
        head_in_existing(self._impatient, self.bucket.bucket, key)

    def _read(self, key: str) -> None:
        try:
            self._impatient.get_object(Bucket=self.bucket.bucket, Key=key, Range="bytes=0-0")["Body"].read()
        except ClientError as error:
            if _status(error) not in (NOT_FOUND, EMPTY):
                raise

    def _others(self, key: str) -> Iterator[str]:
        """Some other keys: from the beginning of the bucket, and behind each folder that the key lies in."""
        first = [other for other in self._listed_after("", 1000) if other != key]
        yield from first[:: len(first) // OTHERS_ASKED + 1]
        for end in (place for place, char in enumerate(key) if char == "/"):
            yield from self._listed_after(key[:end] + BEHIND_A_SLASH, 1)

    def _listed_after(self, start: str, most: int) -> list[str]:
        answer = self._impatient.list_objects_v2(Bucket=self.bucket.bucket, StartAfter=start, MaxKeys=most)
        return [item["Key"] for item in answer.get("Contents", ())]

    def _exactly_listed(self, key: str) -> bool:
        """Whether a listing shows the first odd part of a key, in the folder that surely is one.

        A store that does keeps such parts apart, and its HEAD can be believed; a listing with the odd key itself as its
        prefix would only echo it back.
        """
        folder = "".join(f"{part}/" for part in itertools.takewhile(lambda part: not _odd(part), key.split("/")))
        odd, slash, _ = key[len(folder) :].partition("/")
        with self._lock:
            names = self._odd_names.get(folder)
            first = names is None
            if names is None:
                names = self._odd_names[folder] = Future()
        if first:
            try:
                names.set_result(frozenset(self._odd_names_in(folder)))
            except BaseException as error:  # raised where somebody waits for the names
                names.set_exception(error)
        return odd + slash in names.result()

    def _odd_names_in(self, folder: str) -> Iterator[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket.bucket, Prefix=folder, Delimiter="/"
        )
        for page in pages:
            for listed in (*_names(page, "Contents", "Key"), *_names(page, "CommonPrefixes", "Prefix")):
                if listed.startswith(folder) and _odd((name := listed[len(folder) :]).removesuffix("/")):
                    yield name


def _status(error: ClientError | BotoCoreError) -> int | None:
    if not isinstance(error, ClientError):
        return None
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _names(page: Mapping[str, Any], entries: str, name: str) -> Iterator[str]:
    return (entry[name] for entry in page.get(entries, ()))
