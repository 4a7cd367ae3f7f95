"""One round of the watch: what is judged and delivered where it has the leases, and nothing where another has."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from printflow_reliability.alerts import turn as alerts_turn
from printflow_reliability.alerts.delivery import DeliveryReport
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs.alerting import INTERVAL_SECONDS as OUTBOX_TICK
from printflow_reliability.defs.order_sensor import INTERVAL_SECONDS as GUARD_TICK
from printflow_reliability.orders import turn as orders_turn
from printflow_reliability.orders.guard import GuardReport
from printflow_reliability.records import leases
from printflow_reliability.records.leases import Lease
from printflow_reliability.settings import Settings
from printflow_reliability.watch import round as rounds
from printflow_reliability.watch.round import INTERVAL_SECONDS, go_round
from printflow_reliability_tests.minimal_settings import minimal_settings

TAKEN_OVER_WITHIN = 30.0


class Stage:
    """Who has the leases, what a look would find, and what was done."""

    def __init__(self) -> None:
        self.other = ""
        self.judged = True
        self.done: list[str] = []

    @contextmanager
    def on_duty(self, _records: object, name: str, holder: str, _lasting: float) -> Iterator[Lease]:
        yield Lease(name, self.other or holder, not self.other, 4.0)

    def judge(self, _settings: Settings) -> GuardReport:
        self.done.append("judged")
        outcome = Outcome.PASS if self.judged else Outcome.UNKNOWN
        answer = CheckResult("orders.artwork", outcome, "as it is")
        return GuardReport((answer,), {"paid_orders": 3} if self.judged else {})

    def deliver(self, _settings: Settings) -> DeliveryReport:
        self.done.append("delivered")
        return DeliveryReport((CheckResult("alerts.delivery", Outcome.PASS, "every alert reached its route"),), {})

    def record(self, _settings: Settings, results: tuple[CheckResult, ...], *, alert: bool) -> None:
        assert alert
        self.done += [f"recorded {answer.check}" for answer in results]

    def give_back(self, _records: object, name: str, _holder: str) -> None:
        self.done.append(f"gave back {name}")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    for module in (orders_turn, alerts_turn):
        monkeypatch.setattr(module, "on_duty", stage.on_duty)
        monkeypatch.setattr(module, "deliver", stage.deliver)
        monkeypatch.setattr(module, "record_results", stage.record)
    monkeypatch.setattr(orders_turn, "judge_paid_orders", stage.judge)
    monkeypatch.setattr(orders_turn, "give_back", stage.give_back)
    monkeypatch.setattr(rounds, "give_back", stage.give_back)
    return stage


def test_who_has_the_leases_judges_records_and_then_delivers(stage: Stage) -> None:
    gone = go_round(minimal_settings(), "watch")

    assert stage.done == [
        *("judged", "recorded orders.artwork", "delivered"),
        *("delivered", "recorded alerts.delivery"),
    ]
    assert gone.outcome is Outcome.PASS
    assert gone.again_in == INTERVAL_SECONDS
    assert gone.said == "guard: as it is; outbox: every alert reached its route"


def test_who_stands_by_does_nothing_and_says_who_works(stage: Stage) -> None:
    stage.other = "Dagster on pluto"
    gone = go_round(minimal_settings(), "watch")

    assert stage.done == []
    assert "guard: stands by: Dagster on pluto has the lease for another 4.0 s" in gone.said
    assert gone.outcome is Outcome.PASS
    assert 4.0 < gone.again_in < INTERVAL_SECONDS


def test_who_could_not_judge_says_so_and_lets_the_other_try(stage: Stage) -> None:
    stage.judged = False
    gone = go_round(minimal_settings(), "watch")

    assert gone.outcome is Outcome.UNKNOWN
    assert "gave back guard" in stage.done


def test_at_its_end_the_watch_gives_both_leases_back(stage: Stage) -> None:
    rounds.stand_down(minimal_settings(), "watch")
    assert stage.done == ["gave back guard", "gave back outbox"]


def test_whoever_dies_the_other_has_taken_over_within_half_a_minute() -> None:
    slowest_tick = max(GUARD_TICK, OUTBOX_TICK) + 5.0  # Dagster's daemon looks every five seconds what is due
    watch_dies = rounds.LEASE_SECONDS + slowest_tick
    dagster_dies = leases.LEASE_SECONDS + rounds.AFTER_LEASE_SECONDS

    assert max(watch_dies, dagster_dies) <= TAKEN_OVER_WITHIN
    assert rounds.LEASE_SECONDS > INTERVAL_SECONDS
    assert slowest_tick < leases.LEASE_SECONDS
