"""One round of the watch: what is judged and delivered where it has the leases, and nothing where another has."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from printflow_reliability.alerts import turn as alerts_turn
from printflow_reliability.alerts.delivery import DeliveryReport
from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs.alerting import INTERVAL_SECONDS as OUTBOX_TICK
from printflow_reliability.defs.order_sensor import INTERVAL_SECONDS as GUARD_TICK
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.kept_connections import shared_client
from printflow_reliability.orders import turn as orders_turn
from printflow_reliability.orders.guard import GuardReport
from printflow_reliability.records import leases
from printflow_reliability.records.leases import Lease
from printflow_reliability.settings import Settings
from printflow_reliability.watch import round as rounds
from printflow_reliability.watch import watch as watch_module
from printflow_reliability.watch.round import INTERVAL_SECONDS, Round, go_round
from printflow_reliability.watch.watch import Watch
from printflow_reliability_tests.minimal_settings import minimal_settings

TAKEN_OVER_WITHIN = 30.0


SETTINGS = minimal_settings(
    "".join(f'[[heartbeat]]\nof = "{part}"\nurl = "https://watcher/{part}"\n' for part in ("guard", "outbox"))
)


class Stage:
    """Who has the leases, what a look would find, and what was done."""

    def __init__(self) -> None:
        self.other = ""
        self.judged = True
        self.delivered = Outcome.PASS
        self.refused = False
        self.announced = False
        self.done: list[str] = []
        self.heard: list[str] = []

    @contextmanager
    def on_duty(
        self, _records: object, name: str, holder: str, _lasting: float, *, announced: bool = False
    ) -> Iterator[Lease]:
        self.announced |= announced
        yield Lease(name, self.other or holder, not self.other, 4.0)

    def judge(self, _settings: Settings) -> GuardReport:
        self.done.append("judged")
        if self.refused:
            raise CouldNotTell("the records database does not answer")
        outcome = Outcome.PASS if self.judged else Outcome.UNKNOWN
        answer = CheckResult("orders.artwork", outcome, "as it is")
        return GuardReport((answer,), {"paid_orders": 3} if self.judged else {})

    def deliver(self, _settings: Settings) -> DeliveryReport:
        self.done.append("delivered")
        return DeliveryReport((CheckResult("alerts.delivery", self.delivered, "every alert reached its route"),), {})

    def record(self, _settings: Settings, results: tuple[CheckResult, ...], *, alert: bool) -> None:
        assert alert
        self.done += [f"recorded {answer.check}" for answer in results]

    def watcher(self, address: str, _body: str) -> str:
        self.heard.append(address.removeprefix("https://watcher/"))
        return ""

    def go_round(self) -> Round:
        return go_round(SETTINGS, "watch", Heartbeats(self.watcher))

    def mind_absent(self, _records: object, _settings: Settings, work: str, _holder: str) -> None:
        self.done.append(f"minded {work}")

    @contextmanager
    def open_records(self, _records: object) -> Iterator[None]:
        yield None

    def give_back(self, _records: object, name: str, _holder: str, *, for_good: bool = False) -> None:
        self.done.append(f"gave back {name}" + (" for good" if for_good else ""))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    for module in (orders_turn, alerts_turn):
        monkeypatch.setattr(module, "on_duty", stage.on_duty)
        monkeypatch.setattr(module, "deliver", stage.deliver)
        monkeypatch.setattr(module, "record_results", stage.record)
    monkeypatch.setattr(orders_turn, "check_paid_orders", stage.judge)
    monkeypatch.setattr(orders_turn, "give_back", stage.give_back)
    monkeypatch.setattr(orders_turn, "open_records", stage.open_records)
    monkeypatch.setattr(orders_turn, "mind_absent", stage.mind_absent)
    monkeypatch.setattr(rounds, "give_back", stage.give_back)
    return stage


def test_who_has_the_leases_judges_records_and_then_delivers(stage: Stage) -> None:
    gone = stage.go_round()

    assert stage.done == [
        *("judged", "recorded orders.artwork", "minded guard", "delivered"),
        *("delivered", "recorded alerts.delivery"),
    ]
    assert gone.outcome is Outcome.PASS
    assert gone.again_in == INTERVAL_SECONDS
    assert gone.said == "guard: as it is; outbox: every alert reached its route"


def test_who_stands_by_does_nothing_and_says_who_works(stage: Stage) -> None:
    stage.other = "Dagster on pluto"
    gone = stage.go_round()

    assert stage.done == []
    assert "guard: stands by: Dagster on pluto has the lease for another 4.0 s" in gone.said
    assert gone.outcome is Outcome.PASS
    assert 4.0 < gone.again_in < INTERVAL_SECONDS


def test_who_could_not_judge_says_so_and_lets_the_other_try(stage: Stage) -> None:
    stage.judged = False
    gone = stage.go_round()

    assert gone.outcome is Outcome.UNKNOWN
    assert "gave back guard" in stage.done


def test_at_its_end_the_watch_gives_its_leases_back(stage: Stage) -> None:
    rounds.stand_down(minimal_settings(), "watch")
    assert stage.done == [f"gave back {name} for good" for name in ("guard", "outbox", "queues")]


def test_whoever_dies_the_other_has_taken_over_within_half_a_minute() -> None:
    slowest_tick = max(GUARD_TICK, OUTBOX_TICK) + 5.0  # Dagster's daemon looks every five seconds what is due
    watch_dies = rounds.LEASE_SECONDS + slowest_tick
    dagster_dies = leases.LEASE_SECONDS + rounds.AFTER_LEASE_SECONDS

    assert max(watch_dies, dagster_dies) <= TAKEN_OVER_WITHIN
    assert rounds.LEASE_SECONDS > INTERVAL_SECONDS
    assert slowest_tick < leases.LEASE_SECONDS


def test_the_watchers_hear_of_a_success_after_it_was_judged_and_delivered(stage: Stage) -> None:
    stage.go_round()
    assert stage.heard == ["guard/start", "guard", "outbox/start", "outbox"]


def test_who_stands_by_tells_no_watcher(stage: Stage) -> None:
    stage.other = "Dagster on pluto"
    stage.go_round()
    assert stage.heard == []


def test_a_look_that_judged_nothing_is_a_failure_to_its_watcher(stage: Stage) -> None:
    stage.judged = False
    stage.go_round()
    assert stage.heard == ["guard/start", "guard/fail", "outbox/start", "outbox"]


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN])
def test_while_an_alert_may_have_reached_nobody_no_watcher_hears_of_a_success(stage: Stage, outcome: Outcome) -> None:
    stage.delivered = outcome
    stage.go_round()
    assert stage.heard == ["guard/start", "guard/fail", "outbox/start", "outbox/fail"]


def test_a_look_that_ends_in_an_error_is_a_failure_to_its_watcher(stage: Stage) -> None:
    stage.refused = True
    with pytest.raises(CouldNotTell):
        stage.go_round()
    assert stage.heard == ["guard/start", "guard/fail"]


def test_a_watch_is_missed_when_it_falls_silent_and_one_round_is_not(stage: Stage) -> None:
    go_round(SETTINGS, "watch", Heartbeats(stage.watcher), once=True)
    assert not stage.announced
    stage.go_round()
    assert stage.announced


def test_rounds_of_a_watch_keep_what_they_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def go_round(*_: object, **__: object) -> None:
        opened.append(shared_client("bucket", object))

    monkeypatch.setattr(watch_module, "go_round", go_round)
    watch = Watch("watch", None)
    for _ in range(2):
        watch.go_round(SETTINGS)
    assert opened[0] is opened[1]
