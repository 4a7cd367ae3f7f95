"""Each route is told of each subject in order, whatever it refuses, and whatever routes come and go."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from printflow_reliability.alerts import route_round
from printflow_reliability.alerts.message import Message
from printflow_reliability.alerts.routes.answer import Refusal
from printflow_reliability.alerts.routes.sending import Sender
from printflow_reliability.findings import Severity
from printflow_reliability.records.database import connect
from printflow_reliability.settings import AlertRouteSettings
from printflow_reliability_tests.stack.alert_records import BUSY, DOWN, WRONG, Outbox, an_outbox, named

pytestmark = pytest.mark.stack

KEYS = ("check:wal.lag", "order:1")
REFUSALS = (None, None, DOWN, BUSY, WRONG)
FILES = (named("one", "two"), named("two", "three"), named("three"), named("one", "quiet", min_severity="critical"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("raise"), st.sampled_from(KEYS), st.sampled_from([Severity.WARNING, Severity.CRITICAL])),
        st.tuples(st.just("resolve"), st.sampled_from(KEYS)),
        st.tuples(st.just("round"), st.lists(st.sampled_from(REFUSALS), min_size=1, max_size=6)),
        st.tuples(st.just("later"), st.sampled_from([0.05, 60.0])),
    ),
    max_size=25,
)
WITH_FILES = st.lists(st.tuples(STEPS, st.sampled_from(FILES)), min_size=1, max_size=4)
PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def outbox() -> Iterator[Outbox]:
    with an_outbox() as made:
        yield made


def walk(outbox: Outbox, steps: list[tuple[object, ...]]) -> None:
    for step in steps:
        match step:
            case ("raise", str(key), Severity() as severity):
                outbox.raised(key, severity)
            case ("resolve", str(key)):
                outbox.resolved(key)
            case ("later", float(minutes)):
                outbox.later(minutes)
            case ("round", list(answers)):
                left: list[Refusal | None] = list(answers)
                outbox.round(lambda _route, _message, left=left: left.pop() if left else None)  # type: ignore[misc]
        assert_ordered(outbox)


def assert_ordered(outbox: Outbox) -> None:
    told: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for route, message in outbox.told:
        told[route, message.dedup_key].append(message)
    for said in told.values():
        moments = [(message.raised_at, message.event == "resolve") for message in said]
        assert moments == sorted(moments), [(message.why, message.raised_at) for message in said]


@PROPERTY
@given(STEPS)
def test_a_route_hears_of_every_incident_in_order_and_of_its_end(
    outbox: Outbox, steps: list[tuple[object, ...]]
) -> None:
    outbox.clear()
    outbox.routes(named("one", "two"), escalate_minutes=15)
    walk(outbox, steps)
    for key in KEYS:
        outbox.resolved(key)
    outbox.later()
    outbox.round()
    outbox.later()
    outbox.round()

    assert_ordered(outbox)
    incidents = outbox.connection.execute("SELECT dedup_key, raised_at FROM alerts ORDER BY id").fetchall()
    for route in ("one", "two"):
        for event in ("trigger", "resolve"):
            heard = [(m.dedup_key, m.raised_at) for name, m in outbox.told if name == route and m.why == event]
            assert sorted(heard) == sorted(
                incident for incident in incidents if incident[0] in KEYS or incident in heard
            )


@PROPERTY
@given(WITH_FILES)
def test_a_route_that_inherits_another_ones_alerts_hears_them_in_order_too(
    outbox: Outbox, parts: list[tuple[list[tuple[object, ...]], object]]
) -> None:
    outbox.clear()
    for steps, routes in parts:
        outbox.routes(routes, escalate_minutes=15)  # type: ignore[arg-type]
        walk(outbox, steps)
    outbox.later()
    outbox.round()
    outbox.later()
    outbox.round()

    assert_ordered(outbox)
    left = outbox.connection.execute(
        "SELECT route, subject, event FROM deliveries WHERE delivered_at IS NULL AND withdrawn IS NULL"
    ).fetchall()
    assert left == []
    unheard = outbox.connection.execute(
        "SELECT dedup_key FROM alerts a WHERE resolved_at IS NULL AND severity = 'critical' AND NOT EXISTS "
        "(SELECT FROM deliveries d WHERE d.alert_id = a.id AND d.delivered_at IS NOT NULL)"
    ).fetchall()
    assert unheard == []


def test_what_was_noted_while_the_clock_was_ahead_is_due(outbox: Outbox) -> None:
    outbox.clear()
    outbox.routes(named("one"), escalate_minutes=60)
    outbox.raised()
    outbox.round(lambda _route, _message: BUSY)
    outbox.raised("order:1")
    assert outbox.round() == 0, "a route that is busy is left alone"
    outbox.later(-24 * 60)
    outbox.round()
    assert sorted(set(outbox.heard("one"))) == [
        *("escalate check:wal.lag", "escalate order:1", "trigger check:wal.lag", "trigger order:1")
    ]


def test_a_process_that_is_stopped_while_it_sends_keeps_its_alert_from_no_other(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.clear()
    outbox.routes(named("one"))
    outbox.raised()
    monkeypatch.setattr(route_round, "LONGEST_SENDING_SECONDS", 0.2)

    @contextmanager
    def stopped(_route: AlertRouteSettings) -> Iterator[Sender]:
        def send(message: Message) -> Refusal | None:
            assert message.why == "trigger"
            for _ in range(400):
                if outbox.connection.execute("SELECT FROM deliveries FOR UPDATE SKIP LOCKED").fetchone() is not None:
                    return None
                outbox.connection.execute("SELECT pg_sleep(0.05)")
            pytest.fail("the alert stays locked")

        yield send

    with connect(outbox.settings.records) as other, pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        route_round.RouteRound(outbox.settings, outbox.settings.alert_route[0], sending=stopped).deliver(other)
    assert outbox.round() == 1


def test_a_resolve_waits_for_its_trigger_and_a_new_trigger_for_the_resolve_before_it(outbox: Outbox) -> None:
    outbox.clear()
    outbox.routes(named("one"))
    outbox.raised()
    outbox.resolved()
    outbox.raised()
    outbox.raised("order:1")

    def refuse_first(_route: str, message: Message) -> Refusal | None:
        return WRONG if message.dedup_key == "check:wal.lag" and len(outbox.tried) < 3 else None

    outbox.round(refuse_first)
    assert outbox.heard("one") == ["trigger order:1"]
    assert len(outbox.tried) == 2, "what stands behind a refused alert is not tried"
    outbox.later()
    outbox.round()
    assert outbox.heard("one", "check:wal.lag") == ["trigger", "resolve", "trigger"]
