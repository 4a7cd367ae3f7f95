"""A server that never answers, or stops in mid-answer, is "could not tell" soon, and Ctrl-C ends the wait at once."""

import io
import signal
import subprocess
import sys
import threading
import time

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage import clients, silence
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.lookup import look_up
from printflow_reliability.storage.pages import list_pages
from printflow_reliability.storage.workers import Workers
from printflow_reliability_tests.storage.odd_server import server

pytestmark = pytest.mark.stack

HALF_A_HEADER = b"HTTP/1.1 200 O"
HALF_A_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\nContent-Type: application/xml\r\n\r\n<?xml version='1.0'?>"
WHOLE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def head(bucket: BucketSettings) -> None:
    with s3_errors(bucket):
        s3_client(bucket).head_object(Bucket=bucket.bucket, Key="key")


def everything(bucket: BucketSettings) -> None:
    """As a command does that asks one thing after the other, and goes on where one of them failed."""
    for ask in (lambda: list(list_pages(bucket)), lambda: head(bucket), lambda: look_up(bucket, map(str, range(50)))):
        with pytest.raises(CouldNotTell, match="no answer in time"):
            ask()


def fetch(bucket: BucketSettings) -> None:
    with s3_errors(bucket):
        answer = s3_client(bucket).get_object(Bucket=bucket.bucket, Key="key")
        silence.receive(bucket, answer["Body"], io.BytesIO())


@pytest.mark.parametrize("says", [b"", HALF_A_HEADER, HALF_A_BODY], ids=["nothing", "half a header", "half a body"])
def test_a_server_that_does_not_answer_is_waited_for_a_few_times_and_not_by_every_request(
    says: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", 0.5)
    caplog.set_level("WARNING")
    asked = []

    def counted(request: bytes) -> bytes:
        asked.append(request)
        return says if request.startswith(b"GET") else says[: len(HALF_A_HEADER)]

    with server(counted) as bucket:
        began = time.monotonic()
        everything(bucket)
        assert time.monotonic() - began < 45
        assert "Signature" not in caplog.text
        assert len(asked) <= silence.MOST_UNANSWERED + 1  # HEAD is tried once before it is believed to hang too


def test_a_server_that_answers_head_and_stops_in_every_body_is_known_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", 0.5)
    asked = []

    def half(request: bytes) -> bytes:
        asked.append(request[:4])
        return HALF_A_BODY if request.startswith(b"GET") else WHOLE.replace(b"404 Not Found", b"200 OK")

    with server(half) as bucket:
        for _ in range(6):
            with s3_errors(bucket):
                s3_client(bucket).head_bucket(Bucket=bucket.bucket)
            with pytest.raises(CouldNotTell, match="no answer in time"):
                fetch(bucket)
        with pytest.raises(CouldNotTell, match="no answer in time"):
            list(list_pages(bucket))
    assert asked.count(b"GET ") == silence.MOST_UNANSWERED


def test_a_server_that_does_not_take_what_it_is_sent_is_silent_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "CONNECT_SECONDS", 0.5)
    taken = threading.Event()

    def takes_nothing(_: bytes) -> bytes:
        taken.wait(30)
        return b""

    with server(takes_nothing) as bucket:
        began = time.monotonic()
        for _ in range(10):
            with pytest.raises(CouldNotTell, match="no answer in time"), s3_errors(bucket):
                s3_client(bucket).put_object(Bucket=bucket.bucket, Key="key", Body=bytes(30_000_000))
        assert time.monotonic() - began < 60, "every one of them was tried five times"
        taken.set()


def test_the_longest_wait_for_a_silent_server_is_well_below_a_minute() -> None:
    assert clients.READ_SECONDS * (silence.MOST_UNANSWERED + 1) <= 40


def test_one_key_that_hangs_does_not_silence_a_server_that_answers_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", 0.5)
    with server(lambda request: b"" if b"/hangs" in request.split(b"\r\n")[0] else WHOLE) as bucket:
        client = s3_client(bucket)
        for _ in range(3):
            with pytest.raises(CouldNotTell), s3_errors(bucket):
                client.head_object(Bucket=bucket.bucket, Key="hangs")
            with pytest.raises(client.exceptions.ClientError):
                client.head_object(Bucket=bucket.bucket, Key="other")


def test_a_server_that_answers_again_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READ_SECONDS", 0.3)
    monkeypatch.setattr(silence, "ASK_AGAIN_SECONDS", 0.5)
    says = [b""]
    with server(lambda _: says[0]) as bucket:
        for _ in range(3):
            with pytest.raises(CouldNotTell):
                head(bucket)
        says[0] = WHOLE
        with pytest.raises(CouldNotTell, match="no answer in time"):
            head(bucket)
        time.sleep(0.6)
        with pytest.raises(CouldNotTell, match="404"):
            head(bucket)


INTERRUPTED = """
import sys
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.lookup import look_up
print("asks", flush=True)
look_up(BucketSettings(name="files", bucket="printflow360", endpoint_url=sys.argv[1], access_key_id="key",
    secret_access_key="secret"), [f"{n % 3}/{n}" for n in range(100)])
"""


def test_ctrl_c_ends_what_waits_for_a_silent_server() -> None:
    with server(lambda _: b"") as bucket:
        argv = [sys.executable, "-c", INTERRUPTED, str(bucket.endpoint_url)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
            assert isinstance(program.stdout, io.BufferedReader)
            program.stdout.readline()
            time.sleep(1)
            began = time.monotonic()
            program.send_signal(signal.SIGINT)
            program.wait(30)
    assert time.monotonic() - began < 25


def test_workers_answer_in_order_and_raise_what_their_work_raised() -> None:
    with Workers(4) as workers:
        assert list(workers.map(lambda number: number * 2, range(1000))) == [number * 2 for number in range(1000)]
        failed = workers.submit(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed.result()


def test_workers_that_are_left_by_an_error_begin_nothing_more() -> None:
    done: list[int] = []
    held = threading.Event()

    def work(number: int) -> None:
        held.wait(5)
        done.append(number)

    def left() -> None:
        with Workers(2) as workers:
            workers.map(work, range(10))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        left()
    held.set()
    time.sleep(0.2)
    assert len(done) <= 2
