"""Sending one alert to one route, and when it is tried again."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.alerts.delivery import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, retry_seconds, send
from printflow_reliability.settings import AlertRouteSettings

TOKEN = "a-token-nobody-may-see"


@contextmanager
def answering(status: int, **headers: str) -> Iterator[tuple[AlertRouteSettings, list[Any]]]:
    """A route that answers so, and what it got."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.headers["Authorization"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/hook?secret={TOKEN}"
            yield AlertRouteSettings(name="pager", url=url, token=TOKEN), got
        finally:
            server.shutdown()


def test_a_route_that_takes_it_is_told_with_its_token() -> None:
    with answering(202) as (route, got):
        assert send(route, {"dedup_key": "order:1"}) is None

    assert got[0][0] == f"Bearer {TOKEN}"
    assert b'"order:1"' in got[0][1]


@pytest.mark.parametrize("status", [302, 401, 404, 500, 503])
def test_a_route_that_refuses_is_named_without_its_address(status: int) -> None:
    with answering(status) as (route, _):
        refusal = send(route, {})

    assert refusal is not None
    assert refusal.reason == f"route pager answered {status}"
    assert TOKEN not in refusal.reason


@pytest.mark.parametrize(("asked", "wanted"), [("7", 7.0), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_how_long_a_route_wants_to_be_left_alone_is_heard(asked: str, wanted: float | None) -> None:
    with answering(429, Retry_After=asked) as (route, _):
        refusal = send(route, {})

    assert refusal is not None
    assert refusal.retry_after == wanted


def test_a_route_that_is_not_there_cannot_be_reached() -> None:
    with answering(202) as (route, _):
        pass

    refusal = send(route, {})

    assert refusal is not None
    assert "cannot be reached" in refusal.reason
    assert TOKEN not in refusal.reason


@given(st.integers(0, 10_000), st.integers(), st.none() | st.floats(0, 1e9))
def test_waiting_grows_and_never_beyond_the_limit(attempts: int, seed: int, wanted: float | None) -> None:
    wait = retry_seconds(attempts, random.Random(seed), wanted)

    assert FIRST_RETRY_SECONDS / 2 <= wait <= LONGEST_RETRY_SECONDS
    assert wait >= min(wanted or 0, LONGEST_RETRY_SECONDS)
