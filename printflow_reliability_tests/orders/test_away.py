"""The guard while the records are away: what it holds and tells then, and whom it must not hold."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from printflow_reliability.alerts.spooled import SpooledAlerts
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.orders import away
from printflow_reliability.orders.away import LookAway, held_in, look_away, settle_away
from printflow_reliability.orders.guard_pass import Remembered
from printflow_reliability.orders.judgement import OrderAnswer, Override
from printflow_reliability.orders.known import Known
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.orders.settling import MANY, STORM
from printflow_reliability.pdf.ledger import MemoryLedger
from printflow_reliability.platform.paid_orders import PaidItems
from printflow_reliability.records.spool import Spool
from printflow_reliability.records.spool_lines import HELD, LIFTED, RAISED, RESOLVED
from printflow_reliability_tests.minimal_settings import minimal_settings

NOW = datetime.now(UTC)
SETTINGS = minimal_settings()
CHECK_KEY = "check:orders.artwork"


def answer(order: str, kind: Kind | None = Kind.UNLINKED, override: Override | None = None) -> OrderAnswer:
    problems = (Problem(kind, None, "print-ready file was never linked"),) if kind else ()
    return OrderAnswer(order, "tenant", NOW - timedelta(days=1), problems, override=override)


def found(*answers: OrderAnswer) -> LookAway:
    return LookAway(answers, away._check(answers))


@pytest.fixture
def alerts(tmp_path: Path) -> Iterator[SpooledAlerts]:
    spool = Spool(tmp_path, 10_000_000)
    yield SpooledAlerts(spool)
    spool.close()


def kinds(alerts: SpooledAlerts) -> list[tuple[str, str]]:
    return [(event["kind"], event.get("order", event.get("key"))) for event in alerts.events]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[OrderAnswer]:
    """What a look finds, whatever the platform is."""
    answers: list[OrderAnswer] = []

    class FakePass:
        def __init__(self, *given: object) -> None:
            remembered = given[3]
            assert isinstance(remembered, Remembered)
            self.overrides = remembered.overrides

        def check(self, _items: object, _by: object) -> Sequence[OrderAnswer]:
            return [replace(judged, override=self.overrides.get(judged.order)) for judged in answers]

        def confirmed(self, judged: Sequence[OrderAnswer], _held: set[str]) -> Sequence[OrderAnswer]:
            return judged

    monkeypatch.setattr(away, "GuardPass", FakePass)
    monkeypatch.setattr(away, "paid_items", lambda _settings: PaidItems(()))
    return answers


def test_an_order_without_artwork_is_held_and_told_once(alerts: SpooledAlerts) -> None:
    settle_away(SETTINGS, found(answer("7"), answer("8", None)), Known(), alerts)
    settle_away(SETTINGS, found(answer("7"), answer("8", None)), Known(), alerts)

    assert kinds(alerts) == [(HELD, "7"), (RAISED, "order:7"), (RAISED, CHECK_KEY)]
    assert "Next: " in alerts.events[1]["body"]


def test_an_order_of_which_people_have_heard_is_not_told_again(alerts: SpooledAlerts) -> None:
    settle_away(SETTINGS, found(answer("7")), Known(frozenset({"7"})), alerts)
    assert (HELD, "7") not in kinds(alerts)
    assert (RAISED, "order:7") not in kinds(alerts)


def test_an_order_that_is_mended_is_freed_and_told_so(alerts: SpooledAlerts) -> None:
    settle_away(SETTINGS, found(answer("7")), Known(), alerts)
    settle_away(SETTINGS, found(answer("7", None)), Known(), alerts)

    assert kinds(alerts)[-3:] == [(LIFTED, "7"), (RESOLVED, "order:7"), (RESOLVED, CHECK_KEY)]
    assert held_in(alerts.events) == frozenset()
    settle_away(SETTINGS, found(answer("7")), Known(), alerts)
    assert held_in(alerts.events) == {"7"}


def test_an_order_that_is_no_longer_returned_stays_held(alerts: SpooledAlerts) -> None:
    settle_away(SETTINGS, found(answer("7")), Known(), alerts)
    settle_away(SETTINGS, found(), Known(), alerts)
    assert held_in(alerts.events) == {"7"}


def test_many_at_once_are_one_alert_and_each_is_held(alerts: SpooledAlerts) -> None:
    orders = [str(number) for number in range(MANY + 1)]
    settle_away(SETTINGS, found(*map(answer, orders)), Known(), alerts)

    assert held_in(alerts.events) == set(orders)
    assert [key for kind, key in kinds(alerts) if kind == RAISED] == [STORM, CHECK_KEY]


def test_what_comes_while_a_storm_goes_on_joins_it_and_a_few_after_it_are_told_each(alerts: SpooledAlerts) -> None:
    many = [answer(str(number)) for number in range(MANY + 1)]
    settle_away(SETTINGS, found(*many), Known(), alerts)
    settle_away(SETTINGS, found(*many, answer("later")), Known(), alerts)
    assert (HELD, "later") in kinds(alerts)
    assert (RAISED, "order:later") not in kinds(alerts)

    mended = [answer(str(number), None) for number in range(MANY + 1)]
    settle_away(SETTINGS, found(*mended, answer("much later")), Known(), alerts)
    assert (RAISED, "order:much later") in kinds(alerts)


def test_a_look_that_could_not_judge_is_told_and_frees_nobody(alerts: SpooledAlerts) -> None:
    settle_away(SETTINGS, found(answer("7")), Known(), alerts)
    unknown = LookAway((), CheckResult("orders.artwork", Outcome.UNKNOWN, "S3 does not answer"))
    settle_away(SETTINGS, unknown, Known(), alerts)

    assert not unknown.judged
    assert held_in(alerts.events) == {"7"}


def test_a_file_that_is_there_and_not_inspected_again_yet_holds_nobody(looked: list[OrderAnswer]) -> None:
    looked += [answer("new", Kind.UNINSPECTED), answer("gone", Kind.MISSING), answer("bad", Kind.UNJUDGED)]
    look = look_away(SETTINGS, Known(), MemoryLedger(), ())

    assert {judged.order for judged in look.answers if judged.wrong} == {"gone", "bad"}
    assert look.check.outcome is Outcome.FAIL


def test_whom_a_person_let_go_goes_on_until_that_ends(looked: list[OrderAnswer]) -> None:
    looked += [answer("7"), answer("8")]
    overrides = {
        "7": Override("Ada", "a sample", NOW + timedelta(hours=1)),
        "8": Override("Ada", "a sample", NOW - timedelta(hours=1)),
    }
    look = look_away(SETTINGS, Known(frozenset(), overrides), MemoryLedger(), ())
    assert {judged.order for judged in look.answers if judged.wrong} == {"8"}


def test_a_platform_that_is_away_too_is_not_called_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    def away_too(_settings: object) -> PaidItems:
        raise CouldNotTell("cluster live_db cannot be reached", "is it running?")

    monkeypatch.setattr(away, "paid_items", away_too)
    look = look_away(SETTINGS, Known(), MemoryLedger(), ())
    assert look.check.outcome is Outcome.UNKNOWN
    assert "live_db" in look.check.detail


def test_what_was_known_is_kept_and_what_cannot_be_read_is_nothing() -> None:
    known = Known(frozenset({"7"}), {"8": Override("Ada", "a sample", NOW)})
    assert Known.from_json(known.as_json()) == known
    for broken in (
        {},
        {"told": 7, "overrides": {}},
        {"told": [], "overrides": {"8": {}}},
        {"told": [], "overrides": 1},
    ):
        assert Known.from_json(broken) == Known()
