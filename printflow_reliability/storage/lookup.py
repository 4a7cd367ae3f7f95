"""Many keys of one bucket at once: what is there, told by listings where keys lie together and by HEAD elsewhere.

A listing of a folder answers for a thousand keys at a time, and for exactly these keys: some stores answer a HEAD of
`a//b` with the object `a/b`. What a store refuses for one key is that key's "could not tell" and nobody else's.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.objects import ObjectHead, head_in_existing
from printflow_reliability.storage.pages import PAGE_KEYS, list_pages
from printflow_reliability.storage.workers import Workers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

IN_FLIGHT = 16
WORTH_A_LISTING = 8
"""Keys of one folder from which on a listing is cheaper than as many HEADs."""
PAGES_FOR_EACH = 20
"""A listing is given up when it has read this many times as many objects as were asked for, and HEAD is used."""
LONGEST_KEY_BYTES = 1024
"""S3 has no longer keys."""
UNVERSIONED = ""
"""The version id of an object that a listing told of: LIST does not say it."""
REFUSED_AT_LEAST = 20
"""So many keys, all refused, mean that the bucket refuses, and not that they are odd."""


@dataclass(frozen=True)
class Refusal:
    """Why nothing can be said of one key."""

    reason: str


Found = ObjectHead | Refusal | None
"""An object, that there is none, or that it could not be told."""


class By(StrEnum):
    """How it is found out what is there: SURE trusts listings for what they show, LISTING also for what they do not.

    A listing may lack an object that came meanwhile: what is concluded from that is to be asked again by HEAD.
    """

    LISTING = "listing"
    SURE = "sure"
    HEAD = "head"


def look_up(bucket: BucketSettings, keys: Iterable[str], by: By = By.SURE) -> Mapping[str, Found]:
    """What is there under each of these keys.

    Raises:
        CouldNotTell: the bucket does not answer, or refuses every key.
    """
    wanted = set(keys)
    found: dict[str, Found] = {}
    with s3_errors(bucket):
        folders = {} if by is By.HEAD else _folders(wanted)
        with Workers(IN_FLIGHT) as pool:
            for shown, absent in pool.map(lambda folder: _listed(bucket, *folder), folders.items()):
                found.update(shown)
                if by is By.LISTING:
                    found.update(dict.fromkeys(absent))
            rest = sorted(wanted - found.keys())
            client = s3_client(bucket)
            if rest:
                client.head_bucket(Bucket=bucket.bucket)
            found.update(zip(rest, pool.map(partial(ask, client, bucket.bucket), rest), strict=True))
    _require_answers(bucket, found)
    return found


def ask(client: "S3Client", bucket: str, key: str) -> Found:
    """What HEAD says of one key in a bucket that exists; a refusal of this key is an answer too.

    Raises:
        ClientError: the server fails, or throttles: that is no answer.
    """
    if not possible(key):
        return None
    try:
        if ambiguous(key) and not exactly_listed(client, bucket, key):
            return None
        return head_in_existing(client, bucket, key)
    except ClientError as error:
        if (refused := refusal(error)) is not None:
            return refused
        raise


def refusal(error: ClientError) -> Refusal | None:
    """What a store says of one key that it does not answer for; None where it is the server's own trouble."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    code = error.response.get("Error", {}).get("Code", "?")
    # 501 is a store that does not know what the object asks of it; other 5xx and 429 are the server's own trouble.
    if status in (429, 500, 502, 503, 504) or code in ("NoSuchBucket", "SlowDown"):
        return None
    return Refusal(f"the store answers {code} for it")


def possible(key: str) -> bool:
    """Whether S3 can hold such a key at all; to ask for another is an error rather than a "not found"."""
    return bool(key) and len(key.encode(errors="surrogatepass")) <= LONGEST_KEY_BYTES


def ambiguous(key: str) -> bool:
    """Whether some stores answer HEAD for another key: SeaweedFS drops empty parts, and takes `\\` for `/`."""
    parts = key.split("/")
    return "" in parts[:-1] or "." in parts or ".." in parts or "\\" in key


def exactly_listed(client: "S3Client", bucket: str, key: str) -> bool:
    """Whether a listing shows the first odd part of a key, in the folder that surely is one.

    A store that does keeps such parts apart, and its HEAD can be believed; a listing with the odd key itself as its
    prefix would only echo it back.
    """
    clean = itertools.takewhile(lambda part: part not in ("", ".", "..") and "\\" not in part, key.split("/"))
    folder = "".join(f"{part}/" for part in clean)
    odd, slash, _ = key[len(folder) :].partition("/")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder, Delimiter="/")
    return any(
        folder + odd + slash in (*_names(page, "Contents", "Key"), *_names(page, "CommonPrefixes", "Prefix"))
        for page in pages
    )


def _names(page: Mapping[str, Any], entries: str, name: str) -> Iterator[str]:
    return (entry[name] for entry in page.get(entries, ()))


def _folders(keys: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The folders, the innermost first, that hold enough of these keys to be worth a listing.

    Keys that have a folder each, as orders have, are listed by the folder above.
    """
    grouped: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        if possible(key) and not ambiguous(key):
            grouped[_folder_of(key)].add(key)
    worth: dict[str, frozenset[str]] = {}
    for depth in range(max((folder.count("/") for folder in grouped), default=0), 0, -1):
        for folder in [folder for folder in grouped if folder.count("/") == depth]:
            held = grouped.pop(folder)
            if len(held) >= WORTH_A_LISTING:
                worth[folder] = frozenset(held)
            else:
                grouped[_folder_of(folder[:-1])] |= held
    if len(grouped.get("", ())) >= WORTH_A_LISTING:
        worth[""] = frozenset(grouped[""])
    return worth


def _folder_of(key: str) -> str:
    return key[: key.rfind("/") + 1]


def _listed(bucket: BucketSettings, folder: str, keys: frozenset[str]) -> tuple[Mapping[str, Found], frozenset[str]]:
    """The objects that a listing of a folder shows, and the keys that are in none of it, if it was read to its end."""
    found: dict[str, Found] = {}
    most = max(PAGE_KEYS, PAGES_FOR_EACH * len(keys))
    seen = 0
    try:
        for page in list_pages(bucket, folder):
            for stored in page:
                if stored.key in keys:
                    found[stored.key] = ObjectHead(UNVERSIONED, stored.etag, stored.size, stored.modified_at)
            seen += len(page)
            if len(found) == len(keys) or seen >= most:
                return found, frozenset()
    except CouldNotTell:
        return found, frozenset()  # whoever asks for each key by itself sees whether it was the folder or the bucket
    return found, keys - found.keys()


def _require_answers(bucket: BucketSettings, found: Mapping[str, Found]) -> None:
    refused = [answer for answer in found.values() if isinstance(answer, Refusal)]
    if len(refused) >= REFUSED_AT_LEAST and len(refused) == len(found):
        raise CouldNotTell(
            f"bucket {bucket.name} ({bucket.bucket}) refuses all {len(refused):,} keys: {refused[0].reason}",
            f'check the access key of bucket "{bucket.name}" in printflow.toml, and what it may do',
        )
