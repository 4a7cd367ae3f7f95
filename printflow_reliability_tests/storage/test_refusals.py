"""A bucket that cannot be read is told with its true cause and what to look at, and nothing secret."""

from collections.abc import Callable
from pathlib import Path

import pytest

from printflow_reliability.addresses import endpoint_url
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.pages import list_pages
from printflow_reliability_tests.ports import closed_port, silent_port

SECRET = "hunter2"


def head(bucket: BucketSettings) -> None:
    with s3_errors(bucket):
        s3_client(bucket).head_object(Bucket=bucket.bucket, Key="key")


def listing(bucket: BucketSettings) -> None:
    list(list_pages(bucket))


WAYS = [head, listing]


def error_of(ask: Callable[[BucketSettings], None], endpoint: str, **more: object) -> PrintflowError:
    given = {"access_key_id": "key", "secret_access_key": SECRET, "bucket": "printflow360", **more}
    bucket = BucketSettings.model_validate({"name": "files", "endpoint_url": endpoint, **given})
    with pytest.raises((CouldNotTell, ConfigError)) as raised:
        ask(bucket)
    assert SECRET not in str(raised.value)
    return raised.value


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("printflow_reliability.storage.clients.ATTEMPTS", 1)
    monkeypatch.setattr("printflow_reliability.storage.clients.READ_SECONDS", 1)


@pytest.mark.parametrize("ask", WAYS)
def test_a_closed_port_a_silent_server_and_an_unknown_name_are_told_apart(
    ask: Callable[[BucketSettings], None],
) -> None:
    with closed_port() as port:
        closed = error_of(ask, f"https://127.0.0.1:{port}")
    assert f"nobody accepts connections at its address (https://127.0.0.1:{port})" in closed.what
    with silent_port() as port:
        assert "no answer in time" in error_of(ask, f"http://127.0.0.1:{port}").what
    assert "the name of its server is not known" in error_of(ask, "https://no-such-host.invalid").what


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize(
    ("content", "what"), [(None, "there is no file"), ("", "holds no certificates"), ("hello", "holds no certificates")]
)
def test_a_certificate_file_that_cannot_be_used_is_named(
    ask: Callable[[BucketSettings], None], content: str | None, what: str, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    error = error_of(ask, "https://127.0.0.1:1", ca_file=ca_file)
    assert 'ca_file of bucket "files"' in error.what
    assert what in error.what
    assert "cannot be read (Is a directory)" in error_of(ask, "https://127.0.0.1:1", ca_file=tmp_path).what


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize(
    ("more", "next_step"),
    [
        ({"secret_access_key": None}, "give access_key_id and secret_access_key"),
        ({"bucket": "UPPER case/.."}, "check `bucket` and `region`"),
        ({"region": "eu west"}, "check `bucket` and `region`"),
    ],
)
def test_what_no_server_was_asked_for_leads_to_its_keys(
    ask: Callable[[BucketSettings], None], more: dict[str, object], next_step: str
) -> None:
    assert next_step in error_of(ask, "https://127.0.0.1:1", **more).next_step


def test_a_disk_of_ours_that_is_full_is_not_said_of_the_bucket() -> None:
    bucket = BucketSettings(name="files", bucket="files")
    with pytest.raises(OSError, match="No space left"), s3_errors(bucket), Path("/dev/full").open("wb", 0) as full:
        full.write(b"a file on its way to its inspection")


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{SECRET}@127.0.0.1",
        f"https://127.0.0.1/?token={SECRET}",
        "https://a..b",
        "https://" + "a" * 300,
        "https://schlüssel.example",
        "ftp://127.0.0.1",
        "127.0.0.1:9000",
    ],
)
def test_an_endpoint_that_is_no_address_alone_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address") as refused:
        endpoint_url(address)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["https://s3.eu-west-1.amazonaws.com", "http://minio_1:9000", "https://[::1]:8333", "https://localhost."]
)
def test_an_endpoint_is_the_address_of_a_server(address: str) -> None:
    assert endpoint_url(address) == address
