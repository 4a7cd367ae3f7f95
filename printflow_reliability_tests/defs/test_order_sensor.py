"""The guard's clock: a run for each change of a hold, and none for what stays as it was."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs import order_sensor
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.order_sensor import (
    LIFTED,
    MOST_ASKED,
    MOST_SHOWN,
    SHOWN_AFTER_LIFTED,
    Change,
    Seen,
    changes,
    paid_orders_guard,
)
from printflow_reliability.defs.partition_names import identifier_of
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.orders.guard import GuardReport
from printflow_reliability.orders.turn import GuardTurn
from printflow_reliability.records.leases import Lease

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def seen(state: str, at: datetime = NOW) -> Seen:
    return Seen(state, at.isoformat())


def test_a_new_hold_is_run_once() -> None:
    first = changes({}, {"7": "a"}, NOW)
    second = changes(first.seen, {"7": "a"}, NOW)

    assert first.run == ("7",)
    assert second.run == second.forget == ()


def test_a_hold_whose_reason_changed_is_run_again() -> None:
    assert changes({"7": seen("a")}, {"7": "b"}, NOW).run == ("7",)


def test_a_mended_order_is_run_once_more_and_forgotten_after_a_while() -> None:
    mended = changes({"7": seen("a")}, {}, NOW)
    later = changes(mended.seen, {}, NOW + SHOWN_AFTER_LIFTED / 2)
    much_later = changes(mended.seen, {}, NOW + SHOWN_AFTER_LIFTED + timedelta(seconds=1))

    assert mended.run == ("7",)
    assert mended.seen["7"].state == LIFTED
    assert later.run == later.forget == ()
    assert much_later.forget == ("7",)
    assert much_later.seen == {}


def looks(seen: Mapping[str, Seen], held: Mapping[str, str]) -> list[Change]:
    """Look after look, until nothing is left to do."""
    found = [changes(seen, held, NOW)]
    while found[-1].run:
        found.append(changes(found[-1].seen, held, NOW))
    return found


def test_of_very_many_holds_some_are_run_a_few_at_a_time() -> None:
    held = {str(number): "a" for number in range(5_000)}
    found = looks({}, held)
    run = [order for change in found for order in change.run]

    assert max(len(change.run) for change in found) == MOST_ASKED
    assert run == [str(number) for number in range(MOST_SHOWN)]
    assert found[-1].seen.keys() == set(run)


def test_others_take_the_place_of_those_that_are_mended() -> None:
    held = {str(number): "a" for number in range(5_000)}
    before = looks({}, held)[-1].seen
    del held["0"]
    found = looks(before, {"older": "a", **held})

    assert {order for change in found for order in change.run} == {"0", "older"}
    assert found[-1].seen["0"].state == LIFTED


def test_a_change_that_has_to_wait_is_run_later_and_never_forgotten() -> None:
    long_ago = NOW - 2 * SHOWN_AFTER_LIFTED
    before = {str(number): seen("a", long_ago) for number in range(3 * MOST_ASKED)}
    found = looks(before, {})

    assert [order for change in found for order in change.run] == list(before)
    assert [order for change in found for order in change.forget] == []
    assert {known.state for known in found[-1].seen.values()} == {LIFTED}


@given(
    st.lists(
        st.dictionaries(st.sampled_from([str(number) for number in range(12)]), st.sampled_from("ab")), max_size=12
    )
)
def test_whatever_changes_in_the_end_every_order_was_run_as_it_is(steps: list[dict[str, str]]) -> None:
    known: Mapping[str, Seen] = {}
    shown: dict[str, str] = {}
    for held in steps:
        change = changes(known, held, NOW)
        assert len(change.run) <= MOST_ASKED
        shown |= {order: held.get(order, LIFTED) for order in change.run}
        known = change.seen
    last = steps[-1] if steps else {}
    for change in looks(known, last):
        shown |= {order: last.get(order, LIFTED) for order in change.run}

    assert {order: state for order, state in shown.items() if state != LIFTED} == last


def turn_of(outcome: Outcome, holder: str, *, mine: bool = True) -> GuardTurn:
    """A turn of that outcome; an unknown one judged nothing."""
    lease = Lease("guard", holder, mine, 20.0)
    numbers: dict[str, int | float] = {} if outcome is Outcome.UNKNOWN else {"paid_orders": 1}
    report = GuardReport((CheckResult("orders.artwork", outcome, "S3 does not answer"),), numbers)
    return GuardTurn(lease, report) if mine else GuardTurn(lease)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A guard without servers; the holds it would find."""
    holds: dict[str, str] = {}
    monkeypatch.setattr(Configuration, "settings", lambda _self: None)
    monkeypatch.setattr(order_sensor, "guard_turn", lambda _settings, name, _beats: turn_of(Outcome.PASS, name))
    monkeypatch.setattr(order_sensor, "_fingerprints", lambda _settings: holds)
    return holds


def evaluated(cursor: str | None = None, *, started: float | None = 1.0) -> dg.SensorResult:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor, last_sensor_start_time=started)
        answer = paid_orders_guard(context)
    assert isinstance(answer, dg.SensorResult)
    return answer


def partitions(requests: Sequence[object] | None) -> list[Sequence[str]]:
    return [request.partition_keys for request in requests or () if isinstance(request, dg.AddDynamicPartitionsRequest)]


def test_a_held_order_gets_its_partition_and_its_run(platform: dict[str, str]) -> None:
    platform["7"] = "a"

    first = evaluated()
    second = evaluated(first.cursor)

    assert [run.partition_key for run in first.run_requests or ()] == ["7"]
    assert partitions(first.dynamic_partitions_requests) == [["7"]]
    assert not second.run_requests
    assert second.skip_reason is not None


def test_an_order_whose_number_cannot_name_a_partition_keeps_no_other_from_its_run(platform: dict[str, str]) -> None:
    platform.update({"1...2": "a", "3\n4": "a", "7": "a"})

    first = evaluated()

    named = [run.partition_key or "" for run in first.run_requests or ()]
    assert [identifier_of(name) for name in named] == ["1...2", "3\n4", "7"]
    assert partitions(first.dynamic_partitions_requests) == [named]


def test_a_guard_that_cannot_judge_fails_with_its_sentence(
    platform: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Configuration) -> None:
        raise ConfigError("records.url: the environment variable RECORDS is not set")

    monkeypatch.setattr(Configuration, "settings", refuse)

    with pytest.raises(dg.Failure, match="RECORDS is not set"):
        evaluated('{"7": {"state": "a", "at": "2026-05-01T00:00:00+00:00"}}')


def test_a_look_that_judged_nothing_is_a_failed_tick(platform: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_sensor, "guard_turn", lambda _settings, name, _beats: turn_of(Outcome.UNKNOWN, name))

    with pytest.raises(dg.Failure, match="S3 does not answer"):
        evaluated()


def test_records_that_are_away_are_a_failed_tick(platform: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_settings: object, _holder: str, _heartbeats: object) -> GuardTurn:
        raise CouldNotTell("the records database cannot be reached")

    monkeypatch.setattr(order_sensor, "guard_turn", away)

    with pytest.raises(dg.Failure, match="records database"):
        evaluated()


def test_while_the_watch_judges_the_sensor_says_so_and_still_shows_what_is_held(
    platform: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform["7"] = "a"
    monkeypatch.setattr(
        order_sensor,
        "guard_turn",
        lambda _settings, _name, _beats: turn_of(Outcome.PASS, "printflow watch", mine=False),
    )

    first = evaluated()
    second = evaluated(first.cursor)

    assert [run.partition_key for run in first.run_requests or ()] == ["7"]
    assert "stands by: printflow watch has the lease" in str(second.skip_reason)
    assert "1 order held" in str(second.skip_reason)


def test_a_preview_judges_nothing_and_asks_for_nothing(
    platform: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform["7"] = "a"
    monkeypatch.delattr(order_sensor, "guard_turn")

    shown = evaluated(started=None)

    assert not shown.run_requests
    assert not shown.dynamic_partitions_requests
    assert shown.cursor is None
    assert "1 order held" in str(shown.skip_reason)
