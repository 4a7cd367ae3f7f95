"""A sensor or schedule that cannot do its work is told by one that does not depend on it, and only when it persists."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster_shared.error import SerializableErrorInfo

from printflow_reliability.alerts.outbox import Alert
from printflow_reliability.definitions import defs
from printflow_reliability.defs import failed_ticks as module
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.failed_ticks import IN_A_ROW, failed_ticks, newest_ticks
from printflow_reliability.errors import CouldNotTell
from printflow_reliability_tests.minimal_settings import minimal_settings

REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
FAILED, DONE, SKIPPED, BEGUN = TickStatus.FAILURE, TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.STARTED
OTHERS = sorted(
    found.name
    for watching in (defs.get_repository_def().sensor_defs, defs.get_repository_def().schedule_defs)
    for found in watching
    if found.name != "failed_ticks"
)
"""Everything that watches, but for the one that watches these."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as found:
        yield found


class Told:
    """The keys of the alerts that are open."""

    def __init__(self) -> None:
        self.open: dict[str, str] = {}
        self.away = False

    @contextmanager
    def records(self, _records: object) -> Iterator[None]:
        if self.away:
            raise CouldNotTell("the records database cannot be reached")
        yield None


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(Configuration, "settings", lambda _self: minimal_settings())
    monkeypatch.setattr(module, "open_records", told.records)
    monkeypatch.setattr(module, "open_alerts", lambda _records, _prefix: list(told.open))
    monkeypatch.setattr(module, "resolve_alert", lambda _records, _settings, key: told.open.pop(key))

    def keep(_records: None, _settings: object, alert: Alert) -> None:
        assert alert.dedup_key not in told.open
        told.open[alert.dedup_key] = alert.body

    monkeypatch.setattr(module, "raise_alert", keep)
    return told


def ticked(
    instance: dg.DagsterInstance,
    name: str,
    *statuses: TickStatus,
    kind: InstigatorType = InstigatorType.SENSOR,
    status: InstigatorStatus = InstigatorStatus.RUNNING,
) -> None:
    """Ticks of a sensor or schedule, the oldest first, after those that there are."""
    origin = RemoteInstigatorOrigin(REPOSITORY, name)
    data = ScheduleInstigatorData("0 3 * * 0", None) if kind is InstigatorType.SCHEDULE else None
    state = InstigatorState(origin, kind, status, data)
    if instance.get_instigator_state(state.instigator_origin_id, state.selector_id) is None:
        instance.add_instigator_state(state)
    error = SerializableErrorInfo("dagster.Failure: the bucket does not answer", [], "Failure")
    for status_of_tick in statuses:
        instance.create_tick(
            TickData(
                state.instigator_origin_id,
                name,
                kind,
                status_of_tick,
                time.time(),
                error=error if status_of_tick is FAILED else None,
                selector_id=state.selector_id,
                run_ids=["made"] if status_of_tick is DONE else [],
            )
        )


def tick(instance: dg.DagsterInstance, *, started: float | None = 1.0) -> str:
    context = dg.build_sensor_context(instance=instance, last_sensor_start_time=started)
    answer = failed_ticks(context, configuration=Configuration())
    assert isinstance(answer, dg.SkipReason)
    return str(answer.skip_message)


def test_whatever_watches_is_told_when_its_ticks_fail_and_until_they_do_not(
    instance: dg.DagsterInstance, told: Told
) -> None:
    for name in OTHERS:
        ticked(instance, name, DONE, *[FAILED] * IN_A_ROW["SENSOR"])
    tick(instance)
    tick(instance)
    assert told.open.keys() == {f"tick:{name}" for name in OTHERS}
    assert all("the bucket does not answer" in body for body in told.open.values())

    for name in OTHERS[1:]:
        ticked(instance, name, SKIPPED)
    tick(instance)
    assert told.open.keys() == {f"tick:{OTHERS[0]}"}


def test_a_sensor_that_failed_once_and_tries_again_wakes_nobody(instance: dg.DagsterInstance, told: Told) -> None:
    ticked(instance, "outbox", DONE, FAILED, FAILED, BEGUN)
    assert tick(instance) == "ticks that fail: none"
    assert told.open == {}


def test_a_schedule_that_failed_once_has_no_other_try_for_long(instance: dg.DagsterInstance, told: Told) -> None:
    ticked(instance, "weekly_restore_drill", FAILED, kind=InstigatorType.SCHEDULE)
    tick(instance)
    assert told.open.keys() == {"tick:weekly_restore_drill"}


def test_what_a_person_stopped_is_not_told(instance: dg.DagsterInstance, told: Told) -> None:
    ticked(instance, "outbox", *[FAILED] * 5, status=InstigatorStatus.STOPPED)
    tick(instance)
    assert told.open == {}


def test_what_is_well_raises_nothing(instance: dg.DagsterInstance, told: Told) -> None:
    ticked(instance, "outbox", FAILED, FAILED, FAILED, DONE)
    assert newest_ticks(instance) == ({}, frozenset({"outbox"}))
    tick(instance)
    assert told.open == {}


def test_a_preview_tells_nobody(instance: dg.DagsterInstance, told: Told) -> None:
    ticked(instance, "outbox", *[FAILED] * 3)
    assert "outbox" in tick(instance, started=None)
    assert told.open == {}


def test_without_records_its_own_tick_fails(instance: dg.DagsterInstance, told: Told) -> None:
    told.away = True
    ticked(instance, "outbox", *[FAILED] * 3)
    with pytest.raises(dg.Failure, match="records database"):
        tick(instance)
