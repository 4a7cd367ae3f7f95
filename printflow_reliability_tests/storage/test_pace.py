"""A server that sends its answer byte by byte is silent; one that is slow, or a caller that is, is none."""

import io
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from printflow_reliability.drills import report
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import choose
from printflow_reliability.files.kept_copies import KeptCopy
from printflow_reliability.settings import BucketSettings, ClusterSettings
from printflow_reliability.storage import clients, pace
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.lookup import look_up
from printflow_reliability.storage.objects import versions
from printflow_reliability.storage.pages import list_pages
from printflow_reliability.storage.silence import chunks, receive
from printflow_reliability_tests.stack.plain import settings_with
from printflow_reliability_tests.storage.odd_server import server

pytestmark = pytest.mark.stack

LIMIT = 0.5
HEAD = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n'
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
XML = b"<?xml version='1.0'?>"


def drops(whole: bytes, dripping: bytes, every: float = 0.05) -> Iterator[bytes]:
    """The first part at once, the second byte by byte."""
    yield whole
    for byte in dripping:
        time.sleep(every)
        yield bytes([byte])


def headers(_: bytes) -> Iterator[bytes]:
    return drops(b"", HEAD % 100_000 + bytes(100_000))


def body(request: bytes) -> bytes | Iterator[bytes]:
    return HEAD % 0 if request.startswith(b"HEAD") else drops(HEAD % 100_000, XML + bytes(100_000))


def chunk_sizes(request: bytes) -> bytes | Iterator[bytes]:
    return HEAD % 0 if request.startswith(b"HEAD") else drops(CHUNKED, b"1\r\nx\r\n" * 100_000)


def head(bucket: BucketSettings) -> None:
    with s3_errors(bucket):
        s3_client(bucket).head_object(Bucket=bucket.bucket, Key="key")


def listing(bucket: BucketSettings) -> None:
    list(list_pages(bucket))


def every_version(bucket: BucketSettings) -> None:
    with s3_errors(bucket):
        versions(s3_client(bucket), bucket.bucket, "key")


def fetching(bucket: BucketSettings) -> None:
    with s3_errors(bucket):
        answer = s3_client(bucket).get_object(Bucket=bucket.bucket, Key="key")
        receive(bucket, answer["Body"], io.BytesIO())


def writing(bucket: BucketSettings) -> None:
    with s3_errors(bucket):
        s3_client(bucket).put_object(Bucket=bucket.bucket, Key="key", Body=b"x" * 100)


def healing(bucket: BucketSettings) -> None:
    choose.fetch("key", KeptCopy(bucket, "null", 100_000, datetime.now(UTC), "e"), io.BytesIO())


def reporting(bucket: BucketSettings) -> None:
    cluster = ClusterSettings(name="live_db", url="postgresql://x", pgbackrest_config=Path("pgbackrest.conf"))
    settings = settings_with(cluster)
    drills = settings.drills.model_copy(update={"reports_bucket": bucket.name})
    report.fetch(settings.model_copy(update={"bucket": (bucket,), "drills": drills}), 1)


def many(bucket: BucketSettings) -> None:
    look_up(bucket, [f"{n}/{n}" for n in range(50)])


@pytest.mark.parametrize(
    ("drips", "ask"),
    [
        *((headers, ask) for ask in (head, listing, every_version, fetching, writing, many)),
        *((body, ask) for ask in (listing, every_version, fetching, healing, reporting)),
        *((chunk_sizes, ask) for ask in (listing, every_version, fetching)),
    ],
)
def test_an_answer_that_comes_drop_by_drop_is_no_answer(
    drips: Callable[[bytes], bytes | Iterator[bytes]],
    ask: Callable[[BucketSettings], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", LIMIT)
    with server(drips) as bucket:
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(CouldNotTell, match="no answer in time"):
                ask(bucket)
        assert time.monotonic() - began < 90, "the answer would come for more than an hour"


def test_a_file_that_comes_slowly_and_steadily_is_received(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", LIMIT)
    parts = [bytes([n]) * pace.LEAST_BYTES for n in range(6)]

    def slow(_: bytes) -> Iterator[bytes]:
        yield HEAD % sum(map(len, parts))
        for part in parts:
            time.sleep(LIMIT / 2)
            yield part

    with server(slow) as bucket:
        answer = s3_client(bucket).get_object(Bucket=bucket.bucket, Key="key")
        target = io.BytesIO()
        assert receive(bucket, answer["Body"], target)
    assert target.getvalue() == b"".join(parts)


def test_a_caller_may_take_its_time_between_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", LIMIT)
    content = bytes(pace.LEAST_BYTES * 3 - 1)
    with server(lambda _: HEAD % len(content) + content) as bucket:
        answer = s3_client(bucket).get_object(Bucket=bucket.bucket, Key="key")
        received = 0
        for chunk in chunks(bucket, answer["Body"]):
            received += len(chunk)
            time.sleep(LIMIT * 1.2)
    assert received == len(content)


def test_the_time_that_is_left_for_a_file_ends_it_between_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", LIMIT)

    def endless(_: bytes) -> Iterator[bytes]:
        yield HEAD % 10**9
        while True:
            time.sleep(LIMIT / 2)
            yield bytes(pace.LEAST_BYTES)

    with server(endless) as bucket:
        answer = s3_client(bucket).get_object(Bucket=bucket.bucket, Key="key")
        began = time.monotonic()
        assert not receive(bucket, answer["Body"], io.BytesIO(), until=began + 1)
        answer["Body"].close()
    assert time.monotonic() - began < 30


def test_a_connection_serves_again_after_an_answer_that_came_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", LIMIT)
    asked = []

    def after_a_while(request: bytes) -> Iterator[bytes]:
        asked.append(request)
        time.sleep(LIMIT * 0.8)
        yield HEAD % 0

    with server(after_a_while) as bucket:
        client = s3_client(bucket)
        for _ in range(3):
            client.head_object(Bucket=bucket.bucket, Key="key")
    assert len(asked) == 3
