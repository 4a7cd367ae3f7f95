"""No envelope holds a secret or anybody's data, wherever in an event it was planted and whatever its form."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from printflow_reliability.alerts.sentry import client as sentry
from printflow_reliability.alerts.sentry.reports import report_error, report_message
from printflow_reliability.alerts.sentry.tracing import operation, part
from printflow_reliability.alerts.sentry.transport import BoundedTransport
from printflow_reliability_tests.alerts.planted import NAMES, PARTS, TENANT, everything, leaks, texts
from printflow_reliability_tests.alerts.sentry.configured import SECRETS, configured
from printflow_reliability_tests.alerts.sentry.server import SentryServer, sentry_server

log = logging.getLogger("printflow_reliability.watch.loop")


@pytest.fixture(scope="module")
def shared() -> Iterator[SentryServer]:
    with sentry_server() as found:
        yield found


def planted_everywhere(text: str) -> Exception:
    """An error with the text in its message, causes, notes and local variables, as a chain and in a group."""
    row = {"customer": text, text: [text]}
    try:
        try:
            try:
                int(text)
            except ValueError as wrong:
                raise KeyError(text) from wrong
        except KeyError:
            raise ExceptionGroup(f"no {text}", [OSError(2, text, text), RuntimeError(str(row))])  # noqa: B904
    except ExceptionGroup as group:
        group.add_note(text)
        return group
    raise AssertionError


def surroundings(text: str) -> None:
    """The text in everything that an event may carry besides its error."""
    scope = sentry_sdk.get_current_scope()
    scope.set_tag("process", text)
    scope.set_tag(text, text)
    scope.set_extra("row", {text: text})
    scope.set_context("customer", {"name": text})
    scope.set_user({"email": text, "username": text, "ip_address": text})
    scope.set_transaction_name(text)
    scope.fingerprint = [text]
    scope.add_event_processor(lambda event, _hint: {**event, "request": request(text), "modules": {text: text}})
    scope.add_attachment(bytes=text.encode(), filename=text)
    log.warning("order %s is held", text)
    logging.getLogger("httpx").warning("GET %s", text)
    sentry_sdk.add_breadcrumb(category="http", message=text, data={"url": text})


def request(text: str) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": f"https://{text}@printflow.example/orders/{text}?token={text}#{text}",
        "query_string": text,
        "headers": {"Authorization": text, "Cookie": text, "User-Agent": text, "X-Customer": text},
        "cookies": {"session": text},
        "data": {"customer": text},
        "env": {"REMOTE_ADDR": text},
    }


def sent(server: SentryServer, text: str) -> str:
    """Every byte that is sent of an error, a message and a transaction in which the text is everywhere."""
    server.inbox.envelopes.clear()
    server.inbox.request_headers.clear()
    sentry.start(configured(server.dsn), "command")
    transport = sentry_sdk.get_client().transport
    assert isinstance(transport, BoundedTransport)
    transport.lost()
    with sentry_sdk.isolation_scope(), sentry_sdk.new_scope():
        surroundings(text)
        report_error(planted_everywhere(text))
        report_message(f"Run of nightly_sweep failed: {text.partition('(')[2].partition(',')[2]}")
        with operation("restore drill"), part("fetch"):
            span = sentry_sdk.get_current_span()
            assert span is not None
            span.set_data("row", text)
            span.set_tag("customer", text)
    sentry_sdk.flush(20)
    return server.inbox.raw


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts(SECRETS))
def test_no_envelope_holds_what_was_planted(shared: SentryServer, text: str) -> None:
    raw = sent(shared, text)

    assert leaks(raw, SECRETS) == []
    assert {item.kind for each in shared.inbox.envelopes for item in each.items} == {"event", "transaction"}


@given(name=st.text(st.sampled_from("QXZqxz\u00c4\u00d8\u0416"), min_size=6, max_size=12))
@hypothesis_settings(max_examples=30, deadline=None)
def test_no_envelope_holds_any_name_of_a_row(shared: SentryServer, name: str) -> None:
    sentry.start(configured(shared.dsn), "command")
    shared.inbox.envelopes.clear()
    report_error(planted_everywhere(name))
    sentry_sdk.flush(20)
    assert leaks(shared.inbox.raw, (), parts=[name]) == []


def test_all_at_once_leaves_what_a_person_needs(server: SentryServer) -> None:
    raw = sent(server, everything(SECRETS))

    assert leaks(raw, SECRETS) == []
    error, message = server.inbox.of_kind("event")
    values = {value["type"]: value for value in error["exception"]["values"]}
    assert {"ExceptionGroup", "KeyError", "ValueError", "RuntimeError", "FileNotFoundError"} <= values.keys()
    assert values["ValueError"]["value"].startswith("invalid literal for int() with base 10: ")
    assert TENANT in values["ExceptionGroup"]["value"]
    assert values["KeyError"]["stacktrace"]["frames"][-1]["function"] == "planted_everywhere"
    assert [crumb["message"] for crumb in error["breadcrumbs"]["values"]] == ["order %s is held"]
    assert error["request"] == {"method": "POST"}
    assert message["message"].startswith("Run of nightly_sweep failed")
    assert set(error) <= {
        *("event_id", "timestamp", "level", "platform", "release", "environment", "sdk"),
        *("contexts", "tags", "exception", "request", "breadcrumbs"),
    }


def test_frames_hold_neither_variables_nor_source_nor_the_folders_of_this_machine(server: SentryServer) -> None:
    sentry.start(configured(server.dsn), "command")
    report_error(planted_everywhere(NAMES[0]))
    sentry_sdk.flush(10)
    (event,) = server.inbox.of_kind("event")
    frames = [frame for value in event["exception"]["values"] for frame in value["stacktrace"]["frames"]]
    assert frames
    for frame in frames:
        assert frame.keys() <= {"filename", "function", "module", "lineno", "in_app"}
        assert not frame["filename"].startswith("/")


def test_what_no_pattern_knows_as_well_as_what_one_knows_is_planted() -> None:
    text = everything(SECRETS)
    assert leaks(text, SECRETS) == [*PARTS, *SECRETS]
