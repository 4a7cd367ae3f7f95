"""Which phases a real recovery would need."""

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.fences.unarchived import UnarchivedWal
from printflow_reliability.drills.objectives import check_drill_objectives
from printflow_reliability.drills.results import Results
from printflow_reliability.restore.phases import RECOVERY, Phase, PhaseClock, rto_seconds
from printflow_reliability.settings import DrillsSettings


def test_a_recovery_needs_neither_fence_nor_files_nor_tear_down() -> None:
    assert set(Phase) - RECOVERY == {Phase.FENCE, Phase.FILES, Phase.TEAR_DOWN}
    seconds = dict.fromkeys(Phase, 10.0)
    assert rto_seconds(seconds) == 70.0


def test_without_the_last_phase_that_counts_there_is_no_recovery_time() -> None:
    seconds: dict[Phase, float] = {phase: 10.0 for phase in Phase if phase is not Phase.VALIDATE}
    assert rto_seconds(seconds) is None


def test_a_phase_entered_twice_adds_up_and_one_that_raises_is_unfinished() -> None:
    moments = iter([0.0, 1.0, 5.0, 7.0, 10.0])
    clock = PhaseClock(lambda: next(moments))
    for _ in range(2):
        with clock.measure(Phase.FENCE):
            pass
    with pytest.raises(ZeroDivisionError), clock.measure(Phase.FETCH):
        raise ZeroDivisionError
    assert clock.seconds == {Phase.FENCE: 3.0}
    assert clock.running is Phase.FETCH


def test_a_phase_within_another_is_counted_once() -> None:
    times = iter([0.0, 5.0, 8.0, 10.0])
    clock = PhaseClock(lambda: next(times))
    with clock.measure(Phase.FETCH), clock.measure(Phase.FENCE):
        pass
    assert clock.seconds == {Phase.FENCE: 3.0, Phase.FETCH: 7.0}
    assert clock.running is None


@pytest.mark.parametrize(
    ("numbers", "outcome"),
    [
        ({"rto_seconds": 60.0, "rpo_seconds": 2.0}, Outcome.PASS),
        ({"rto_seconds": 61.0, "rpo_seconds": 2.0}, Outcome.FAIL),
        ({"rto_seconds": 60.0, "rpo_seconds": 6.0}, Outcome.FAIL),
        ({"rpo_seconds": 2.0}, Outcome.UNKNOWN),
        ({"rpo_seconds": 6.0}, Outcome.FAIL),
        ({}, Outcome.UNKNOWN),
    ],
)
def test_one_objective_missed_is_certain_and_one_not_measured_is_never_met(
    numbers: dict[str, int | float], outcome: Outcome
) -> None:
    targets = DrillsSettings(rto_target_seconds=60, rpo_target_seconds=5)
    assert check_drill_objectives(numbers, targets, (), "not reached").outcome is outcome


@pytest.mark.parametrize(("timeout", "outcome"), [(0, Outcome.WARN), (60, Outcome.WARN), (4, Outcome.PASS)])
def test_a_cluster_that_may_keep_commits_to_itself_beyond_the_target_is_a_warning_on_any_day(
    timeout: float, outcome: Outcome
) -> None:
    targets = DrillsSettings(rto_target_seconds=60, rpo_target_seconds=5)
    numbers = {"rto_seconds": 1.0, "rpo_seconds": 1.0}
    assert check_drill_objectives(numbers, targets, [UnarchivedWal("live_db", 0, timeout)], "").outcome is outcome


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (None, ""),
        (4.0, ""),
        (11000.0, "the heartbeat of live_db stands still: it is 3 h 3 min old in production"),
        (-70.0, "the heartbeat of live_db lies in the future: it is 1 min 10 s ahead in production"),
    ],
)
def test_a_heartbeat_that_stands_still_measures_no_rpo(age: float | None, said: str) -> None:
    targets = DrillsSettings(rto_target_seconds=60, rpo_target_seconds=5)
    results = Results()
    results.numbers |= {"rpo_seconds": 1.6}
    results.unarchived = [UnarchivedWal("live_db", 0, 4, age)]
    objectives = next(
        check for check in results.conclude(dict.fromkeys(RECOVERY, 1.0), targets) if check.check == "drill.objectives"
    )
    assert objectives.outcome is (Outcome.UNKNOWN if said else Outcome.PASS)
    assert said in objectives.detail
    assert ("rpo_seconds" in results.numbers) is not bool(said)
    assert results.numbers["rto_seconds"] == len(RECOVERY)
