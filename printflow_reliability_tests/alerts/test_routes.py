"""Sending one alert to one route of each kind: what arrives, and which answers count as taken."""

import hashlib
import hmac
import logging
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from printflow_reliability.alerts.routes import sending
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.alerts.routes.pagerduty import LONGEST_KEY, dedup_key
from printflow_reliability.alerts.routes.sending import send
from printflow_reliability_tests.alerts.messages import RAISED_AT, message
from printflow_reliability_tests.alerts.service import LOGIN_PAGE, TAKEN, TOKEN, Answer, answering, route_to
from printflow_reliability_tests.ports import closed_port, silent_port

HTML = {"Content-Type": "text/html; charset=utf-8"}
OVER_HTTP = tuple(TAKEN)


def refusal_of(kind: str, answer: Answer) -> Refusal:
    """What a route of that kind makes of an answer that is none of success; never with a secret in it."""
    with answering(answer) as service:
        refusal = send(route_to(service, kind), message())
        assert len(service.got) == 1
    assert refusal is not None
    assert TOKEN not in refusal.reason
    assert "127.0.0.1" not in refusal.reason
    return refusal


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_what_the_service_says_on_success_is_a_success(kind: str) -> None:
    with answering(TAKEN[kind]) as service:
        assert send(route_to(service, kind), message()) is None
        assert send(route_to(service, kind), message(why="resolve", resolved_at=RAISED_AT)) is None
    assert len(service.got) == 2


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 429, 500, 502, 503])
def test_a_status_of_failure_is_a_refusal_that_names_the_route(kind: str, status: int) -> None:
    assert refusal_of(kind, Answer(status, TAKEN[kind].body)).reason == f"route pager answered {status}"


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_refusal_and_is_not_followed(kind: str, status: int) -> None:
    with answering(TAKEN[kind]) as elsewhere:
        there = {"Location": f"http://127.0.0.1:{elsewhere.server_port}/"}
        refusal = refusal_of(kind, Answer(status, TAKEN[kind].body, there))
    assert f"answered {status}: a redirect" in refusal.reason
    assert refusal.stops
    assert elsewhere.got == []


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, LOGIN_PAGE, HTML),
        Answer(202, LOGIN_PAGE),
        Answer(200, "<div>Sign in</div>", HTML),
        Answer(202, "  \n<html>"),
    ],
)
def test_a_login_page_is_a_refusal_that_would_meet_every_alert(kind: str, answer: Answer) -> None:
    refusal = refusal_of(kind, answer)
    assert "with a web page" in refusal.reason
    assert (refusal.stops, refusal.blames) == (True, False)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        *((kind, Answer(200, "Internal error")) for kind in OVER_HTTP),
        *((kind, Answer(200, '{"error": "no such integration"}')) for kind in OVER_HTTP),
        *((kind, Answer(202, '{"status": "failed"}')) for kind in OVER_HTTP),
        ("webhook", Answer(200, '{"ok": false}')),
        ("webhook", Answer(200, '{"statusCode": 500}')),
        ("webhook", Answer(200, '{"status": "503"}')),
        ("webhook", Answer(200, "Unauthorized")),
        ("webhook", Answer(200, "invalid_payload")),
        ("webhook", Answer(200, '{"ok": "false"}')),
        ("webhook", Answer(200, '{"success": 0}')),
        ("webhook", Answer(200, '{"result": "Failed to enqueue"}')),
        ("webhook", Answer(200, '{"status": "error: no such channel"}')),
        ("pagerduty", Answer(202, "")),
        ("pagerduty", Answer(200, TAKEN["pagerduty"].body)),
        ("pagerduty", Answer(202, '{"status": "invalid event"}')),
        ("pagerduty", Answer(202, '["success"]')),
        ("slack", Answer(200, "")),
        ("slack", Answer(200, "invalid_payload")),
        ("slack", Answer(202, "ok")),
        ("slack", Answer(200, "not ok")),
        ("teams", Answer(200, "Webhook message delivery failed with error: endpoint returned HTTP error 413")),
        ("teams", Answer(204, "")),
        ("alertmanager", Answer(202, "")),
        ("alertmanager", Answer(200, '{"status": "error"}')),
        ("alertmanager", Answer(200, "received")),
    ],
)
def test_a_status_of_success_with_another_body_is_a_refusal(kind: str, answer: Answer) -> None:
    assert "does not say that it took the alert" in refusal_of(kind, answer).reason


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("webhook", Answer(200, "")),
        ("webhook", Answer(204, "")),
        ("webhook", Answer(200, "OK, thank you")),
        ("webhook", Answer(201, '{"ok": true, "error": null, "errors": []}')),
        ("webhook", Answer(200, '{"status": 200, "success": true}')),
        (
            "webhook",
            Answer(200, '{"ok": 1, "status": "queued as 503", "message": "alert \\"Backup failed\\" was taken"}'),
        ),
        ("webhook", Answer(200, "[]")),
        ("teams", Answer(200, "1")),
        ("alertmanager", Answer(200, '{"status": "success"}')),
        ("alertmanager", Answer(200, "{}\n")),
        ("slack", Answer(200, "ok\n")),
        ("slack", Answer(200, "ok", HTML)),
        ("webhook", Answer(200, "ok", HTML)),
    ],
)
def test_other_ways_in_which_a_service_says_yes(kind: str, answer: Answer) -> None:
    with answering(answer) as service:
        assert send(route_to(service, kind), message()) is None


@pytest.mark.parametrize(
    ("body", "taken"), [("queued as 17", True), ("", False), ("error", False), (LOGIN_PAGE, False)]
)
def test_a_webhook_that_says_what_to_expect_is_held_to_it(body: str, taken: bool) -> None:
    with answering(Answer(200, body)) as service:
        refusal = send(route_to(service, expect="queued"), message())
    assert (refusal is None) == taken


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize("fault", ["hang", "drip", "drip body", "drip body without its length"])
def test_a_server_that_never_comes_to_an_end_is_left(kind: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.3)
    refusal = refusal_of(kind, Answer(fault=fault))  # type: ignore[arg-type]
    assert refusal.reason == "route pager did not answer within 0.3 s"
    assert (refusal.stops, refusal.blames) == (True, True)


def test_an_answer_that_breaks_off_is_a_refusal_that_the_alert_may_be_the_cause_of() -> None:
    refusal = refusal_of("webhook", Answer(fault="cut"))
    assert refusal.reason == "route pager cannot be reached (RemoteProtocolError)"
    assert (refusal.stops, refusal.blames) == (True, True)


def test_an_answer_without_an_end_is_read_in_part() -> None:
    with answering(Answer(200, "x" * 5_000_000)) as service:
        assert send(route_to(service), message()) is None


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_route_that_is_not_there_cannot_be_reached(kind: str) -> None:
    with answering(Answer()) as service, closed_port() as port:
        service.server_port = port
        refusal = send(route_to(service, kind), message())
    assert refusal is not None
    assert refusal.reason == "route pager cannot be reached (ConnectError)"
    assert (refusal.stops, refusal.blames) == (True, False)


def test_a_certificate_of_an_unknown_authority_is_refused(certified: tuple[ssl.SSLContext, Path]) -> None:
    with answering(TAKEN["slack"], tls=certified[0]) as service:
        refusal = send(route_to(service, "slack", "https"), message())
    assert refusal is not None
    assert refusal.reason == "route pager cannot be reached: its certificate is not trusted"
    assert service.got == []


def test_a_certificate_of_the_routes_own_authority_is_trusted(certified: tuple[ssl.SSLContext, Path]) -> None:
    with answering(TAKEN["slack"], tls=certified[0]) as service:
        assert send(route_to(service, "slack", "https", ca_file=certified[1]), message()) is None


def test_an_authority_whose_file_is_gone_is_said(tmp_path: Path) -> None:
    with answering(TAKEN["slack"]) as service:
        refusal = send(route_to(service, "slack", ca_file=tmp_path / "gone.pem"), message())
    assert refusal is not None
    assert refusal.reason == "the ca_file of route pager cannot be used (FileNotFoundError)"


def test_a_server_that_hangs_before_there_is_tls_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_SECONDS", 0.3)
    with silent_port() as port, answering(Answer()) as service:
        url = f"https://127.0.0.1:{port}/{TOKEN}"
        refusal = send(route_to(service, "slack").model_copy(update={"url": url}), message())
    assert refusal is not None
    assert refusal.stops
    assert TOKEN not in refusal.reason


def test_a_webhook_gets_the_fields_it_always_got_its_token_and_a_signature() -> None:
    with answering(TAKEN["webhook"]) as service:
        assert send(route_to(service, secret="for signing"), message(times=3)) is None
    (request,) = service.got
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    expected = hmac.new(b"for signing", request.content, hashlib.sha256).hexdigest()
    assert request.headers["x-printflow-signature"] == f"sha256={expected}"
    assert {key: request.document[key] for key in ("event", "dedup_key", "severity", "times", "source")} == {
        "event": "trigger",
        "dedup_key": "order:10482",
        "severity": "critical",
        "times": 3,
        "source": "Print-Flow-360",
    }
    assert request.document["raised_at"] == RAISED_AT.isoformat()
    assert request.document["environment"] == "staging"
    assert request.document["title"] == message().title
    assert request.document["body"] == message().body


@pytest.mark.parametrize(("why", "event"), [("grown", "trigger"), ("escalate", "trigger"), ("resolve", "resolve")])
def test_a_webhook_knows_two_events_and_why(why: str, event: str) -> None:
    with answering(TAKEN["webhook"]) as service:
        send(route_to(service), message(why=why))
    document = service.got[0].document
    assert (document["event"], document["why"], document["escalated"]) == (event, why, why == "escalate")


def test_pagerduty_gets_an_event_with_its_routing_key_and_severity() -> None:
    with answering(TAKEN["pagerduty"]) as service:
        route = route_to(service, "pagerduty")
        for severity in ("info", "warning", "error", "critical"):
            send(route, message(severity=severity))
        send(route, message(why="resolve"))
    events = [request.document for request in service.got]
    assert [event["payload"]["severity"] for event in events[:4]] == ["info", "warning", "error", "critical"]
    assert events[0]["event_action"] == "trigger"
    assert events[0]["payload"]["summary"] == message().title
    assert "printflow orders check 10482" in events[0]["payload"]["custom_details"]["text"]
    assert events[4] == {"routing_key": TOKEN, "event_action": "resolve", "dedup_key": "order:10482"}
    assert "authorization" not in service.got[0].headers


def test_keys_that_are_too_long_for_pagerduty_stay_apart() -> None:
    long = ["run:asset:" + "x" * 300 + end for end in ("1", "2")]
    shortened = [dedup_key(key) for key in long]
    assert len(set(shortened)) == 2
    assert {len(key) for key in shortened} == {LONGEST_KEY}
    assert dedup_key("y" * LONGEST_KEY) == "y" * LONGEST_KEY


def test_slack_gets_text_in_which_nothing_is_a_mention() -> None:
    with answering(TAKEN["slack"]) as service:
        send(route_to(service, "slack"), message(title="<!channel> is down"))
    text = service.got[0].document["text"]
    assert text.startswith("&lt;!channel&gt; is down\n")
    assert "its file &lt;is&gt; lost &amp; gone." in text
    assert "Acknowledge: printflow alerts ack order:10482" in text


def test_teams_gets_a_card() -> None:
    with answering(TAKEN["teams"]) as service:
        send(route_to(service, "teams"), message(why="escalate"))
    (attachment,) = service.got[0].document["attachments"]
    texts = [block["inlines"][0]["text"] for block in attachment["content"]["body"]]
    assert texts[0] == f"ESCALATED, nobody has acknowledged it: {message().title}"
    assert "Next: printflow orders check 10482" in texts


def test_alertmanager_gets_an_alert_that_lasts_until_its_end() -> None:
    ended = RAISED_AT + timedelta(hours=1)
    with answering(TAKEN["alertmanager"]) as service:
        route = route_to(service, "alertmanager", url=f"http://127.0.0.1:{service.server_port}/am/")
        send(route, message(severity="error"))
        send(route, message(severity="error", why="resolve", resolved_at=ended))
    first, last = service.got
    assert first.path == last.path == "/am/api/v2/alerts"
    (alert,) = first.document
    assert alert["startsAt"] == RAISED_AT.isoformat()
    assert alert["endsAt"] > (RAISED_AT + timedelta(days=300)).isoformat()
    ends = {entry["labels"]["severity"]: entry for entry in last.document}
    assert set(ends) == {"info", "warning", "error"}
    assert ends["error"]["labels"] == alert["labels"]
    assert ends["error"]["endsAt"] == ended.isoformat()


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_no_secret_of_a_route_reaches_a_log(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with answering(TAKEN[kind], Answer(500)) as service:
        send(route_to(service, kind), message())
        send(route_to(service, kind), message())
    assert len(service.got) == 2
    assert TOKEN not in caplog.text
    assert str(service.server_port) not in caplog.text


@pytest.mark.parametrize(
    "odd", [{"token": f"{TOKEN}ü☃"}, {"url": "http://no..host/hook"}, {"url": f"http://{'a' * 80}.example.org/hook"}]
)
def test_what_cannot_be_sent_at_all_is_that_routes_trouble(odd: dict[str, str]) -> None:
    with answering(Answer()) as service:
        refusal = send(route_to(service).model_copy(update=odd), message())
        assert service.got == []
    assert refusal is not None
    assert (
        refusal.reason == "route pager cannot be spoken to: its url or token in printflow.toml cannot be sent as it is"
    )
    assert (refusal.stops, refusal.blames) == (True, False)
