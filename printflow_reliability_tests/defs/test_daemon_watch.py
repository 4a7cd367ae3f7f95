"""What Dagster notes of itself: daemons that live and schedules that tick are well, and nothing else is."""

from collections.abc import Iterator
from datetime import UTC, datetime

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
from dagster._daemon.types import DaemonHeartbeat

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs.readiness import note_of, seen_by_dagster

HOURLY = {"hourly": ("0 * * * *", "UTC")}
NOW = datetime(2026, 11, 2, 14, 30, tzinfo=UTC)
DUE = datetime(2026, 11, 2, 14, 0, tzinfo=UTC).timestamp()
REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as found:
        yield found


@pytest.fixture
def state(instance: dg.DagsterInstance) -> Iterator[InstigatorState]:
    """A schedule that runs since long before it was due last."""
    origin = RemoteInstigatorOrigin(REPOSITORY, "hourly")
    data = ScheduleInstigatorData("0 * * * *", DUE - 86400)
    made = InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, data)
    instance.add_instigator_state(made)
    yield made
    instance.delete_instigator_state(made.instigator_origin_id, made.selector_id)
    instance.wipe_daemon_heartbeats()


def beat(instance: dg.DagsterInstance, *, ago: float, without: str = "") -> None:
    for kind in instance.get_required_daemon_types():
        if kind != without:
            instance.add_daemon_heartbeat(DaemonHeartbeat(NOW.timestamp() - ago, kind, "id", []))


def ticked(instance: dg.DagsterInstance, state: InstigatorState, at: float) -> None:
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            "hourly",
            InstigatorType.SCHEDULE,
            TickStatus.SKIPPED,
            at,
            selector_id=state.selector_id,
        )
    )


def noted(instance: dg.DagsterInstance) -> CheckResult:
    return note_of(seen_by_dagster(instance, HOURLY, NOW))


def test_daemons_that_live_and_a_schedule_that_ticked_are_well(
    instance: dg.DagsterInstance, state: InstigatorState
) -> None:
    beat(instance, ago=20)
    ticked(instance, state, DUE + 2)
    note = noted(instance)

    assert note.outcome is Outcome.PASS, note
    assert note.numbers["hourly_tick_age_seconds"] == pytest.approx(1798)
    assert note.numbers["daemon_heartbeat_age_seconds"] == pytest.approx(20)


def test_a_schedule_that_did_not_begin_when_it_was_due_is_named(
    instance: dg.DagsterInstance, state: InstigatorState
) -> None:
    beat(instance, ago=20)
    ticked(instance, state, DUE + 2)
    early = seen_by_dagster(instance, HOURLY, datetime.fromtimestamp(DUE + 60, UTC))
    note = note_of(seen_by_dagster(instance, HOURLY, datetime.fromtimestamp(DUE + 3600 + 600, UTC)))

    assert early.late == ()
    assert (note.outcome, "hourly did not begin" in note.detail) == (Outcome.FAIL, True), note


def test_a_silent_daemon_is_named(instance: dg.DagsterInstance, state: InstigatorState) -> None:
    ticked(instance, state, DUE + 2)
    beat(instance, ago=20, without="SCHEDULER")
    note = noted(instance)

    assert (note.outcome, "the daemon SCHEDULER is silent" in note.detail) == (Outcome.FAIL, True), note


def test_no_daemon_at_all_is_not_known(instance: dg.DagsterInstance, state: InstigatorState) -> None:
    assert noted(instance).outcome is Outcome.UNKNOWN
