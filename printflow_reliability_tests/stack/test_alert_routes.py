"""Routes are independent: each at its own pace, and what does not reach one is told by another."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from printflow_reliability.alerts.delivery import deliver
from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.outbox import open_alerts, recorded_alerts
from printflow_reliability.alerts.results import record_results
from printflow_reliability.alerts.route_round import REFUSED_IN_A_ROW
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.findings import Severity
from printflow_reliability.settings import AlertRouteSettings
from printflow_reliability_tests.alerts.mail_server import mail_server
from printflow_reliability_tests.alerts.service import TAKEN, TOKEN, Answer, answering, route_to
from printflow_reliability_tests.ports import closed_port
from printflow_reliability_tests.stack.alert_records import BUSY, DOWN, WRONG, Answering, Outbox, an_outbox, named

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def server() -> Iterator[Outbox]:
    with an_outbox() as made:
        yield made


@pytest.fixture
def outbox(server: Outbox) -> Outbox:
    server.clear()
    server.routes(named("one", "two"))
    return server


def refusing(refusal: Refusal, *routes: str) -> Answering:
    return lambda route, _message: refusal if route in routes else None


def test_a_route_that_is_down_is_asked_once_and_not_once_for_each_alert(outbox: Outbox) -> None:
    for number in range(20):
        outbox.raised(f"check:{number}")
    outbox.round(refusing(DOWN, "one"))

    assert [route for route, _ in outbox.tried].count("one") == 1
    assert len(outbox.heard("two")) == 20
    outbox.tried.clear()
    outbox.round()
    assert outbox.tried == [], "it is left alone, and with it all that waits for it"
    outbox.later()
    outbox.round()
    assert len(outbox.heard("one")) == 20


def test_an_alert_that_a_route_refuses_keeps_no_other_from_it(outbox: Outbox) -> None:
    outbox.raised("check:poison")
    for number in range(5):
        outbox.raised(f"check:{number}")

    def refuse_poison(_route: str, message: Message) -> Refusal | None:
        return WRONG if message.dedup_key == "check:poison" else None

    for _ in range(3):
        outbox.round(refuse_poison)
        outbox.later()
    assert len(outbox.heard("one")) == 5 + 1, "five alerts, and that route two refuses something"
    assert [message.dedup_key for route, message in outbox.tried if route == "one"].count("check:poison") == 3


def test_alerts_that_are_refused_one_after_another_are_the_routes_matter(outbox: Outbox) -> None:
    for number in range(10):
        outbox.raised(f"check:{number}")
    outbox.round(refusing(Refusal("route answered 500"), "one"))
    assert [route for route, _ in outbox.tried].count("one") == REFUSED_IN_A_ROW


def test_each_thing_is_tried_once_in_a_round(outbox: Outbox) -> None:
    outbox.raised()
    outbox.round(refusing(WRONG, "one", "two"))
    assert sorted(route for route, _ in outbox.tried) == ["one", "two"]


def test_a_round_ends_when_its_time_is_over(outbox: Outbox) -> None:
    for number in range(20):
        outbox.raised(f"check:{number}")
    seconds = iter(range(0, 1000, 3))
    outbox.round(clock=lambda: float(next(seconds)))
    assert len(outbox.heard("one")) == len(outbox.heard("two")) == 3, "3 s each, of the 10 s in which one may begin"
    assert outbox.round() == 34


def test_the_worst_goes_first(outbox: Outbox) -> None:
    for severity in Severity:
        outbox.raised(f"check:{severity}", severity)
    outbox.round()
    assert outbox.heard("one") == ["trigger check:critical", "trigger check:error", "trigger check:warning"]


def test_what_a_route_asks_for_is_honoured_and_capped(outbox: Outbox) -> None:
    outbox.raised()
    outbox.round(refusing(replace(BUSY, retry_after=1e9), "one"))
    ((wait,),) = outbox.connection.execute(
        "SELECT extract(epoch FROM next_attempt_at - now()) FROM alert_routes WHERE route = 'one'"
    ).fetchall()
    assert 295 < wait <= 300
    outbox.later(4)
    assert outbox.round() == 0
    outbox.later(2)
    assert outbox.round() > 0


def test_a_route_that_fails_twice_is_told_by_the_others_until_it_works(outbox: Outbox) -> None:
    outbox.routes(named("one", "two", "three"))
    outbox.raised()
    down = refusing(DOWN, "one", "three")
    outbox.round(down)
    assert open_alerts(outbox.connection, "route:") == []
    outbox.later(10)
    outbox.round(down)
    outbox.round(down)

    assert open_alerts(outbox.connection, "route:") == ["route:one", "route:three"]
    assert outbox.heard("two") == ["trigger check:wal.lag", "trigger route:one", "trigger route:three"]
    (said,) = [message for _, message in outbox.told if message.dedup_key == "route:one"]
    assert "1 alert waits for it since" in said.body
    assert "Next: printflow alerts test" in said.body

    outbox.later()
    outbox.round()
    outbox.round()
    assert open_alerts(outbox.connection, "route:") == []
    assert outbox.heard("two")[-2:] == ["resolve route:one", "resolve route:three"]
    assert outbox.heard("one") == ["trigger check:wal.lag"]


def test_with_no_route_left_the_first_that_works_again_hears_of_the_others(outbox: Outbox) -> None:
    outbox.raised()
    for _ in range(3):
        outbox.round(refusing(DOWN, "one", "two"))
        outbox.later(10)
    assert outbox.told == []
    for _ in range(2):
        outbox.round(refusing(DOWN, "two"))
        outbox.later(10)
    assert "trigger route:two" in outbox.heard("one")


def test_a_defect_of_one_kind_is_that_routes_trouble(outbox: Outbox) -> None:
    def break_down(route: str, _message: Message) -> Refusal | None:
        if route == "one":
            raise ZeroDivisionError
        return None

    outbox.raised()
    outbox.round(break_down)
    assert outbox.heard("two") == ["trigger check:wal.lag"]
    ((error,),) = outbox.connection.execute("SELECT last_error FROM alert_routes WHERE route = 'one'").fetchall()
    assert error == "route one cannot be spoken to (ZeroDivisionError)"


def test_a_removed_route_hands_over_what_it_was_not_told_of(outbox: Outbox) -> None:
    outbox.routes([*named("one"), *named("loud", min_severity="critical")])
    outbox.raised("check:a", Severity.WARNING)
    outbox.raised("check:b", Severity.CRITICAL)
    outbox.round(refusing(DOWN, "one"))
    outbox.routes(named("loud", min_severity="critical"))
    outbox.resolved("check:a")
    outbox.round()

    assert outbox.heard("loud") == ["trigger check:b", "trigger check:a"]
    assert deliver(outbox.settings).checks[0].outcome is Outcome.PASS
    (waiting,) = [alert for alert in recorded_alerts(outbox.connection) if alert.dedup_key == "check:a"]
    assert waiting.deliveries[0]["withdrawn"] == "the route was removed; handed to loud"


def test_a_route_that_works_inherits_before_one_that_does_not(outbox: Outbox) -> None:
    outbox.routes(named("gone"))
    outbox.raised()
    outbox.routes(named("one", "two"))
    outbox.connection.execute("INSERT INTO alert_routes VALUES ('one', 3, now() + interval '1 hour', now(), 'down')")
    outbox.round()
    assert outbox.heard("two") == ["trigger check:wal.lag"]


def test_the_alert_about_a_removed_route_is_resolved(outbox: Outbox) -> None:
    outbox.raised()
    for _ in range(2):
        outbox.round(refusing(DOWN, "one"))
        outbox.later(10)
    assert open_alerts(outbox.connection, "route:") == ["route:one"]
    outbox.routes(named("two"))
    outbox.round()
    assert open_alerts(outbox.connection, "route:") == []


def test_what_delivery_answers_is_not_told_by_the_route_that_fails(outbox: Outbox) -> None:
    record_results(outbox.settings, [CheckResult("alerts.delivery", Outcome.FAIL, "1 alert")], alert=True)
    assert open_alerts(outbox.connection, "") == []


def test_an_alert_is_told_again_each_time_its_count_has_grown_tenfold(outbox: Outbox) -> None:
    outbox.routes(named("one"))
    for _ in range(105):
        outbox.raised()
        outbox.round()
    assert [(message.why, message.count) for _, message in outbox.told] == [
        ("trigger", 1),
        ("grown", 10),
        ("grown", 100),
    ]
    assert outbox.told[-1][1].headline == "Still wrong, 100 by now: check:wal.lag is wrong"


def test_a_count_of_its_own_is_what_grows(outbox: Outbox) -> None:
    outbox.routes(named("one"))
    for count in (12, 119, 50, 120, 5_000):
        outbox.raised("orders:held-many", count=count)
        outbox.round()
    assert [(message.why, message.count) for _, message in outbox.told] == [
        ("trigger", 12),
        ("grown", 120),
        ("grown", 5_000),
    ]


def test_a_route_that_was_not_told_yet_is_told_once_with_the_count_of_then(outbox: Outbox) -> None:
    outbox.routes(named("one"))
    for _ in range(12):
        outbox.raised()
    outbox.round()
    assert [(message.why, message.count) for _, message in outbox.told] == [("trigger", 12)]


def test_a_route_that_hangs_keeps_no_other_from_being_told(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("printflow_reliability.alerts.routes.sending.TIMEOUT_SECONDS", 3.0)
    told = threading.Event()
    with answering(Answer(fault="hang")) as hanging, answering(TAKEN["slack"]) as slack:
        outbox.routes([route_to(hanging, name="hanging"), route_to(slack, "slack", name="chat")])
        for number in range(5):
            outbox.raised(f"check:{number}")

        def look() -> None:
            report.append(deliver(outbox.settings))
            told.set()

        report: list[object] = []
        delivering = threading.Thread(target=look)
        delivering.start()
        while len(slack.got) < 5:
            assert not told.wait(0.01) or len(slack.got) == 5, "the round is over, and not everybody was told"
        still_hanging = not told.is_set()
        delivering.join()
    assert still_hanging, "the other route was told while the first one hung"
    assert len(hanging.got) == 1
    answer = report[0].checks[0]  # type: ignore[attr-defined]
    assert answer.outcome is Outcome.FAIL
    assert "route hanging did not answer within 3 s" in answer.detail


def test_an_alert_that_some_recipients_were_told_of_is_not_sent_to_them_again(outbox: Outbox) -> None:
    with mail_server(answers={"second@example.org": "550 unknown"}) as mail:
        mails = {"kind": "email", "host": "127.0.0.1", "port": mail.port, "tls": "none", "sender": "a@example.org"}
        recipients = ("first@example.org", "second@example.org")
        outbox.routes([AlertRouteSettings.model_validate({"name": "mail", **mails, "recipients": recipients})])
        outbox.raised()
        reports = [deliver(outbox.settings), deliver(outbox.settings)]
    assert [report.numbers["delivered_alerts"] for report in reports] == [1, 0]
    assert len(mail.mails) == 1
    (alert,) = recorded_alerts(outbox.connection)
    assert alert.deliveries[0]["error"] == "route mail refused 1 recipient of 2"


def test_an_idle_round_asks_no_route_and_opens_nothing_for_it(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox.raised()
    outbox.round()
    monkeypatch.setattr("printflow_reliability.alerts.delivery.RouteRound", None)
    assert deliver(outbox.settings).checks[0].outcome is Outcome.PASS


def test_no_secret_or_address_of_a_route_is_kept(outbox: Outbox) -> None:
    with answering(Answer(500, f"bad token {TOKEN}")) as refusing_service, closed_port() as port:
        routes = [route_to(refusing_service, kind, name=kind) for kind in TAKEN]
        away = route_to(refusing_service, "slack", name="away")
        outbox.routes([*routes, away.model_copy(update={"url": f"https://127.0.0.1:{port}/{TOKEN}"})])
        outbox.raised()
        for _ in range(3):
            report = deliver(outbox.settings)
            outbox.later()
    kept = "".join(
        str(outbox.connection.execute(f"SELECT json_agg(t) FROM {table} t").fetchall())
        for table in ("alerts", "deliveries", "alert_routes")
    )
    assert "answered 500" in kept
    for text in (kept, report.checks[0].detail):
        assert TOKEN not in text
        assert "127.0.0.1" not in text
