"""Long operations are traced, as many as the settings say; what works every few seconds never is."""

import pytest
import sentry_sdk

from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.alerts.sentry.tracing import operation, part
from printflow_reliability_tests.alerts.sentry.configured import configured
from printflow_reliability_tests.alerts.sentry.server import SentryServer


def test_an_operation_is_told_with_its_parts(server: SentryServer) -> None:
    sentry.start(configured(server.dsn), "command")
    with operation("restore drill"), part("fetch"), operation("reconciliation"):
        pass
    sentry_sdk.flush(10)
    (told,) = server.inbox.of_kind("transaction")
    assert told["transaction"] == "restore drill"
    assert [span["description"] for span in told["spans"]] == ["fetch", "reconciliation"]
    assert told["contexts"]["trace"]["op"] == "operation"


def test_an_operation_that_fails_is_told_as_failed(server: SentryServer) -> None:
    sentry.start(configured(server.dsn), "command")
    with pytest.raises(RuntimeError), operation("base backup"):
        raise RuntimeError
    sentry_sdk.flush(10)
    (told,) = server.inbox.of_kind("transaction")
    assert told["contexts"]["trace"]["status"] == "internal_error"


def test_the_share_is_that_of_the_settings_and_anything_else_is_not_traced(server: SentryServer) -> None:
    sentry.start(configured(server.dsn, "traces_sample_rate = 0"), "command")
    with operation("restore drill"):
        pass
    sentry.start(configured(server.dsn), "command")
    with sentry_sdk.start_transaction(op="tick", name="guard"):
        pass
    with part("of nothing"):
        pass
    sentry_sdk.flush(10)
    assert server.inbox.of_kind("transaction") == []


def test_without_sentry_an_operation_is_just_done() -> None:
    with operation("restore drill"), part("fetch"):
        pass
