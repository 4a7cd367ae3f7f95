"""A bucket's LIST, page by page, with every key exactly as the bucket has it.

obstore reads the same pages, but takes keys for file paths: it drops a leading or trailing slash and gives up on the
whole bucket at one key with a carriage return or a `//` in it, so that one hostile upload would blind us.
"""

import html
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import urllib3
from botocore.handlers import set_list_objects_encoding_type_url
from urllib3.exceptions import HTTPError

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.kept_connections import shared_client
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage import silence
from printflow_reliability.storage.clients import new_s3_client, s3_errors, s3_pool
from printflow_reliability.storage.refusals import answered, not_answered
from printflow_reliability.storage.workers import Workers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PAGE_KEYS = 1000
"""S3 gives no more keys than this in one answer."""
TRIES_OF_A_TORN_PAGE = 3
FOLDER = re.compile(r"<CommonPrefixes>\s*<Prefix>([^<]*)</Prefix>")
ENTITY = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|([a-z]+));")


class StoredObject(NamedTuple):
    """One current object of a bucket; `size` is in bytes, `etag` has no quotes around it and is not always an MD5."""

    key: str
    size: int
    etag: str
    modified_at: datetime


def folder_marker(key: str, size: int) -> bool:
    """Whether an object only stands for a folder, as consoles and file managers make them."""
    return size == 0 and key.endswith("/")


@dataclass(frozen=True)
class Page:
    """One answer of LIST; `token` leads to the next page, None means that this is the last.

    `folders` are the prefixes up to a delimiter, where it was asked for by one.
    """

    objects: list[StoredObject]
    token: str | None
    folders: tuple[str, ...] = ()


class TornPage(Exception):
    """An answer that is not a whole page: cut short, or not a listing at all."""


def list_pages(bucket: BucketSettings, prefix: str = "") -> Iterator[list[StoredObject]]:
    """The objects below a prefix as the store lists them; the next page is fetched while the caller works on one.

    Raises:
        CouldNotTell: the store is unreachable, refuses, or its answers are incomplete or lead in a circle.
    """
    with s3_errors(bucket), Workers(1) as ahead:
        fetch = partial(fetcher(bucket), prefix, "")
        seen: set[int] = set()
        coming = ahead.submit(partial(fetch, None))
        while True:
            page = coming.result()
            if page.token is not None:
                if hash(page.token) in seen:
                    raise circle(bucket.name)
                seen.add(hash(page.token))
                coming = ahead.submit(partial(fetch, page.token))
            yield page.objects
            if page.token is None:
                return


def parse_page(body: bytes) -> Page:
    """Read one answer of ListObjectsV2.

    Raises:
        TornPage: it is cut short, is an error, or says that there is more without saying how to get it.
    """
    text = body.decode("utf-8")
    if not text.rstrip().endswith("</ListBucketResult>"):
        raise TornPage("the answer is not a whole listing")
    head, *blocks = text.split("<Contents>")
    tail = head + (blocks[-1].partition("</Contents>")[2] if blocks else "")
    objects = [
        StoredObject(
            _plain(_field(block, "Key")),
            int(_field(block, "Size")),
            _plain(_field(block, "ETag")).strip('"'),
            datetime.fromisoformat(_field(block, "LastModified")),
        )
        for block in blocks
    ]
    folders = tuple(map(_plain, FOLDER.findall(text))) if "<CommonPrefixes>" in text else ()
    if _field(tail, "IsTruncated") != "true":
        return Page(objects, None, folders)
    return Page(objects, _plain(_field(tail, "NextContinuationToken")), folders)


def circle(name: str) -> CouldNotTell:
    """A listing that never ends."""
    return CouldNotTell(
        f"the listing of bucket {name} leads in a circle: a continuation token came twice",
        "nothing was concluded from it; look at the S3 server",
    )


def fetcher(bucket: BucketSettings) -> Callable[[str, str, str | None], Page]:
    """What fetches one page, by prefix, delimiter ("" for none) and token; any thread may call it.

    Keys are asked for unescaped: with encoding-type=url SeaweedFS lists out of order.
    """
    client, pool = shared_client(("listing", bucket), partial(_clients, bucket))

    def fetch(prefix: str, delimiter: str, token: str | None) -> Page:
        parameters = {"Bucket": bucket.bucket, "Prefix": prefix, "MaxKeys": PAGE_KEYS}
        if delimiter:
            parameters["Delimiter"] = delimiter
        if token:
            parameters["ContinuationToken"] = token
        url = client.generate_presigned_url("list_objects_v2", Params=parameters, ExpiresIn=900)
        for left in reversed(range(TRIES_OF_A_TORN_PAGE)):
            try:
                return parse_page(_get(bucket, pool, url))
            except (TornPage, ValueError) as torn:
                if not left:
                    raise CouldNotTell(
                        f"the listing of bucket {bucket.label} is incomplete: {torn}",
                        "nothing was concluded from it; look at the S3 server",
                    ) from None
                time.sleep(0.2)
        raise AssertionError("not reached")

    return fetch


def _clients(bucket: BucketSettings) -> "tuple[S3Client, urllib3.PoolManager]":
    client = new_s3_client(bucket)
    client.meta.events.unregister("before-parameter-build.s3.ListObjectsV2", set_list_objects_encoding_type_url)
    return client, s3_pool(bucket)


def _get(bucket: BucketSettings, pool: urllib3.PoolManager, url: str) -> bytes:
    silence.require_no_silence(bucket)
    try:
        reply = pool.request("GET", url)
    except HTTPError as error:
        raise not_answered(bucket, error) from None
    silence.heard_from(bucket)
    if reply.status != 200:
        code = re.search(rb"<Code>(\w+)</Code>", reply.data)
        raise answered(bucket, code[1].decode() if code else str(reply.status))
    return reply.data


def _field(block: str, name: str) -> str:
    """The text between a tag and its end; entries come in any order, and there may be more of them than we know."""
    start = block.find(f"<{name}>")
    if start < 0:
        raise TornPage(f"an entry lacks {name}")
    start += len(name) + 2
    return block[start : block.index("<", start)]


def _plain(text: str) -> str:
    return ENTITY.sub(_unescaped, text) if "&" in text else text


def _unescaped(entity: re.Match[str]) -> str:
    """One XML entity's character; html.unescape alone would drop control characters, which keys may hold."""
    if entity[1]:
        return chr(int(entity[1], 16))
    if entity[2]:
        return chr(int(entity[2]))
    return html.unescape(entity[0])
