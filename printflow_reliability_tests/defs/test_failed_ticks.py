"""A sensor or schedule that cannot do its work is told by one that does not depend on it, and only when it persists."""

import json
import shutil
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
from printflow_reliability.defs.reporting import Defect
from printflow_reliability.defs.run_alerts import failed_run
from printflow_reliability.defs.upkeep import killed_drills
from printflow_reliability.errors import CouldNotTell
from printflow_reliability_tests.minimal_settings import minimal_settings

REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
FAILED, DONE, SKIPPED, BEGUN = TickStatus.FAILURE, TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.STARTED
SENSORS = {sensor_def.name: sensor_def for sensor_def in defs.get_repository_def().sensor_defs}
SCHEDULES = {schedule_def.name: schedule_def for schedule_def in defs.get_repository_def().schedule_defs}
OTHERS = sorted({*SENSORS, *SCHEDULES} - {"failed_ticks"})
"""Everything that watches, but for the one that watches these."""
OURS = sorted(
    name for name in SENSORS if name != "default_automation_condition_sensor" and name != "default_automation"
)
"""Those whose ticks are our code; that of another is Dagster's own."""


@pytest.fixture(scope="module")
def new_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an instance with nothing in it: to copy them is five times as fast as to have its schema made."""
    directory = tmp_path_factory.mktemp("instance") / "new"
    directory.mkdir()
    with dg.DagsterInstance.local_temp(str(directory)):
        return directory


@pytest.fixture
def instance(new_instance: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    shutil.copytree(new_instance, tmp_path / "instance")
    with dg.DagsterInstance.local_temp(str(tmp_path / "instance")) as found:
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
    answer = failed_ticks(context)
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


@pytest.mark.parametrize("name", sorted({*SENSORS, *SCHEDULES}))
def test_a_person_hears_of_each_whose_tick_raises(instance: dg.DagsterInstance, told: Told, name: str) -> None:
    """A new sensor or schedule is covered by itself: all that the definitions have stand here."""
    kind = InstigatorType.SCHEDULE if name in SCHEDULES else InstigatorType.SENSOR
    ticked(instance, name, DONE, *[FAILED] * IN_A_ROW[kind.value], kind=kind)

    if name == "failed_ticks":  # it cannot tell of itself
        with dg.build_sensor_context(
            instance=instance,
            cursor=json.dumps({}),
            last_sensor_start_time=1.0,
            repository_def=defs.get_repository_def(),
        ) as context:
            failed_run(context)
    else:
        tick(instance)

    assert told.open.keys() == {f"tick:{name}"}


@pytest.mark.parametrize("error", [CouldNotTell("the records do not answer"), RuntimeError("a defect")])
@pytest.mark.parametrize("name", OURS)
def test_a_sensor_that_cannot_do_its_work_fails_its_tick_and_skips_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> None:
    """Whatever a sensor asks first, its settings or Dagster's storage: a tick that could not look has failed."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Configuration, "settings", refuse)
    for asked in ("fetch_run_status_changes", "all_instigator_state", "fetch_materializations"):
        monkeypatch.setattr(type(instance), asked, refuse)
    monkeypatch.setattr(type(instance.event_log_storage), "get_event_records", refuse)
    context = dg.build_sensor_context(
        instance=instance,
        cursor=json.dumps({"record_id": 0}) if name != "check_results_watch" else None,
        last_sensor_start_time=1.0,
        repository_def=defs.get_repository_def(),
    )
    with pytest.raises((dg.Failure, Defect, RuntimeError, CouldNotTell)):
        SENSORS[name].evaluate_tick(context)


def test_the_schedule_that_asks_first_fails_its_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Configuration) -> None:
        raise CouldNotTell("the file cannot be read")

    monkeypatch.setattr(Configuration, "settings", refuse)
    context = dg.build_schedule_context(resources={"configuration": Configuration()})
    with pytest.raises(dg.Failure, match="cannot be read"):
        killed_drills(context)


def test_every_sensor_of_ours_is_evaluated_here() -> None:
    assert {"paid_orders_guard", "outbox", "check_results_watch", "failed_run", "failed_ticks"} <= set(OURS)
