"""The guard's clock: a run for each change of a hold, and none for what stays as it was."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs import order_sensor
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.order_sensor import (
    LIFTED,
    MOST_SHOWN,
    SHOWN_AFTER_LIFTED,
    Seen,
    changes,
    paid_orders_guard,
)
from printflow_reliability.defs.partition_names import identifier_of
from printflow_reliability.errors import ConfigError
from printflow_reliability.orders.guard import GuardReport

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


def test_of_very_many_holds_some_are_run_and_the_others_take_the_place_of_those_that_are_mended() -> None:
    held = {str(number): "a" for number in range(3_000)}
    first = changes({}, held, NOW)
    second = changes(first.seen, held, NOW)
    del held["0"]
    third = changes(second.seen, {"older": "a", **held}, NOW)

    assert first.run == tuple(str(number) for number in range(MOST_SHOWN))
    assert second.run == ()
    assert set(third.run) == {"0", "older"}
    assert third.seen["0"].state == LIFTED


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A guard without servers; the holds it would find."""
    holds: dict[str, str] = {}
    passed = GuardReport((CheckResult("orders.artwork", Outcome.PASS, "fine"),))
    monkeypatch.setattr(Configuration, "settings", lambda _self: None)
    monkeypatch.setattr(order_sensor, "check_paid_orders", lambda _settings: passed)
    monkeypatch.setattr(order_sensor, "record_results", lambda _settings, _checks, *, alert: alert)
    monkeypatch.setattr(order_sensor, "deliver", lambda _settings: None)
    monkeypatch.setattr(order_sensor, "_fingerprints", lambda _settings: holds)
    return holds


def evaluated(cursor: str | None = None, *, started: float | None = 1.0) -> dg.SensorResult:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor, last_sensor_start_time=started)
        answer = paid_orders_guard(context, configuration=Configuration())
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


def test_a_preview_judges_nothing_and_asks_for_nothing(
    platform: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform["7"] = "a"
    for name in ("check_paid_orders", "record_results", "deliver"):
        monkeypatch.delattr(order_sensor, name)

    shown = evaluated(started=None)

    assert not shown.run_requests
    assert not shown.dynamic_partitions_requests
    assert shown.cursor is None
    assert "1 order held" in str(shown.skip_reason)
