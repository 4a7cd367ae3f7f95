"""A repository's server that takes connections and answers nothing is noticed; every other trouble is pgBackRest's."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from printflow_reliability.backups import s3_endpoint
from printflow_reliability.backups.s3_endpoint import silence_watches
from printflow_reliability.errors import CouldNotTell
from printflow_reliability_tests.storage.odd_server import server

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
OPTIONS = """
[global]
repo1-type=s3
repo1-s3-endpoint={scheme}localhost
repo1-s3-uri-style=path
repo1-storage-port={port}
{more}
"""


def configured(directory: Path, address: str | None, *, scheme: str = "http://", more: str = "") -> Path:
    file = directory / "pgbackrest.conf"
    file.write_text(OPTIONS.format(scheme=scheme, port=urlsplit(address or "http://x:1").port, more=more))
    return file


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_endpoint, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(s3_endpoint, "READ_SECONDS", 0.5)


@pytest.mark.parametrize("scheme", ["http://", ""], ids=["no answer", "no TLS handshake"])
def test_a_silent_server_is_named(tmp_path: Path, scheme: str) -> None:
    with server(lambda _: b"") as bucket:
        file = configured(tmp_path, bucket.endpoint_url, scheme=scheme)
        (watch,) = silence_watches(file, "live", 1)
        began = time.monotonic()
        with pytest.raises(CouldNotTell, match=r"the server at http.*://localhost:\d+ takes connections and does not"):
            watch()
    assert time.monotonic() - began < 30


def test_a_server_that_stumbles_once_is_not_silent(tmp_path: Path) -> None:
    answers = iter([b"", FORBIDDEN])
    with server(lambda _: next(answers)) as bucket:
        (watch,) = silence_watches(configured(tmp_path, bucket.endpoint_url), "live", 1)
        watch()


@pytest.mark.parametrize("says", [FORBIDDEN, b"SSH-2.0-OpenSSH_9.2\r\n"], ids=["refuses", "speaks no HTTP"])
def test_a_server_that_answers_anything_is_not_silent(tmp_path: Path, says: bytes) -> None:
    with server(lambda _: says) as bucket:
        (watch,) = silence_watches(configured(tmp_path, bucket.endpoint_url), "live", 1)
        watch()


def test_a_server_that_is_down_for_a_moment_is_for_pgbackrest_to_tell(tmp_path: Path) -> None:
    with server(lambda _: b"") as bucket:
        file = configured(tmp_path, bucket.endpoint_url)
    (watch,) = silence_watches(file, "live", 1)
    watch()
    watch()


def test_a_server_that_stays_down_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("printflow_reliability.absence.ABSENT_SECONDS", 0.2)
    with server(lambda _: FORBIDDEN) as bucket:
        (watch,) = silence_watches(configured(tmp_path, bucket.endpoint_url), "live", 1)
        watch()
    watch()
    time.sleep(0.3)
    with pytest.raises(CouldNotTell, match=r"the server at http://localhost:\d+ could not be reached for"):
        watch()


@pytest.mark.parametrize("more", ["repo1-type=posix", "repo1-type=azure", "repo1-host=backup.example"])
def test_repositories_of_other_kinds_are_not_watched(tmp_path: Path, more: str) -> None:
    assert silence_watches(configured(tmp_path, None, more=more), "live", 1) == ()
    assert silence_watches(tmp_path / "nowhere", "live", 1) == ()
