"""What the tests of Sentry share: a server that takes envelopes, and settings that lead there."""

import threading
from collections.abc import Iterator

import pytest

from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability_tests.alerts.sentry.server import SentryServer, sentry_server


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """No test leaves a client behind, nor a thread of it."""
    yield
    sentry.stop()
    for thread in threading.enumerate():
        if thread.name.startswith("sentry-sdk"):
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def server() -> Iterator[SentryServer]:
    with sentry_server() as found:
        yield found
