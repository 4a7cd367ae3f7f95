"""The transport stands on private parts of the SDK: a release that takes one away fails here, and not in silence."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import _queue, worker
from sentry_sdk.transport import HttpTransport

from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.alerts.sentry.transport import MOST_WAITING, REQUEST_SECONDS, BoundedTransport
from printflow_reliability_tests.alerts.sentry.configured import configured
from printflow_reliability_tests.alerts.sentry.server import SentryServer

OVERRIDDEN = {
    "capture_envelope": ["self", "envelope"],
    "flush": ["self", "timeout", "callback"],
    "kill": ["self"],
    "on_dropped_event": ["self", "_reason"],
    "_request": ["self", "method", "endpoint_type", "body", "headers"],
}
"""What the SDK calls by these names, with these arguments; under another name it would call its own instead."""


def test_whatever_is_overridden_is_still_what_the_sdk_calls() -> None:
    own = {name for name, value in vars(BoundedTransport).items() if inspect.isfunction(value)}
    assert {name for name in own if not name.startswith("__")} == set(OVERRIDDEN)
    for name, arguments in OVERRIDDEN.items():
        assert list(inspect.signature(getattr(HttpTransport, name)).parameters) == arguments
    assert isinstance(HttpTransport.TIMEOUT, int | float)


def test_the_private_parts_are_there(server: SentryServer) -> None:
    sentry.start(configured(server.dsn), "watch")
    transport = sentry_sdk.get_client().transport
    assert isinstance(transport, BoundedTransport)
    assert type(transport._worker) is worker.BackgroundWorker
    waiting = transport._worker._queue
    assert isinstance(waiting, _queue.Queue)
    assert waiting.maxsize == MOST_WAITING
    assert issubclass(_queue.EmptyError, Exception)
    parts: list[Callable[..., Any]] = [waiting.get_nowait, waiting.task_done, transport._pool.request]
    assert all(callable(part) for part in [*parts, transport._auth.get_api_url])
    assert transport._worker.is_alive is False
    assert transport._pool.connection_pool_kw["timeout"].total == REQUEST_SECONDS


def spied(name: str, called: list[str]) -> Callable[..., Any]:
    """The transport's own method of that name, which notes that it was called."""
    own = getattr(BoundedTransport, name)

    def method(*given: Any, **named: Any) -> Any:
        called.append(name)
        return own(*given, **named)

    return method


@pytest.mark.parametrize("status", [200, 500])
def test_the_sdk_sends_by_what_is_overridden(
    server: SentryServer, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    for name in OVERRIDDEN:
        monkeypatch.setattr(BoundedTransport, name, spied(name, called))
    server.status = status
    sentry.start(configured(server.dsn), "watch")
    sentry_sdk.capture_message("words of this program")
    sentry_sdk.flush(10)
    sentry.stop()
    refused = ["on_dropped_event"] if status == 500 else []
    assert set(called) == {"capture_envelope", "flush", "kill", "_request", *refused}
