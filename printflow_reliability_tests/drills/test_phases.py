"""Which phases a real recovery would need."""

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.phases import RECOVERY, Phase, PhaseClock, rto_seconds
from printflow_reliability.drills.rehearsal import judge_objectives


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
    assert judge_objectives(numbers, 60, 5, "not reached").outcome is outcome
