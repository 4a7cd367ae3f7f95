"""What a history of drills proves, and what it does not."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.objectives import check_objectives, forecast_rto
from printflow_reliability.drills.rotation import plan_of_week
from printflow_reliability.settings import DrillsSettings

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
TARGETS = DrillsSettings.model_validate(
    {"rto_target_seconds": 600, "manual_step": [{"name": "DNS", "seconds": 300}, {"name": "secrets"}]}
)


def drill(
    rto: float | None = 100.0, rpo: float | None = 2.0, *, passed: bool = True, days: float = 1, size: int = 10**9
) -> Mapping[str, Any]:
    return {
        "finished_at": (NOW - timedelta(days=days)).isoformat(),
        "passed": passed,
        "rto_seconds": rto,
        "rpo_seconds": rpo,
        "numbers": {"fetched_bytes": size},
        "phases": {"find": 1.0, "fetch": 60.0, "replay_to_end": 20.0, "fence": 30.0},
    }


@pytest.mark.parametrize("drills", [[drill()], []])
def test_records_in_a_protected_cluster_are_said_whatever_else_there_is(drills: list[Mapping[str, Any]]) -> None:
    (told,) = check_objectives(drills, TARGETS, NOW, housed=["live_db"]).checks
    assert told.outcome is (Outcome.WARN if drills else Outcome.FAIL)
    assert "the records live in cluster live_db" in told.detail


@pytest.mark.parametrize(
    ("drills", "outcome", "said"),
    [
        ([], Outcome.FAIL, "no drill ever passed"),
        ([drill()], Outcome.PASS, "RTO 100.0 s of 600 s"),
        ([drill(days=8.5)], Outcome.FAIL, "no drill passed for 8.5 days"),
        ([drill(passed=False), drill(days=9)], Outcome.FAIL, "no drill passed for 9.0 days"),
        ([drill(passed=False), drill(days=6)], Outcome.PASS, "RTO 100.0 s"),
        ([drill(700, passed=False), drill(days=6)], Outcome.FAIL, "measured an RTO of 700.0 s, the target is 600 s"),
        ([drill(rpo=301)], Outcome.FAIL, "measured an RPO of 301.0 s"),
        ([drill(None, None, passed=False), drill(days=2)], Outcome.PASS, "RPO 2.0 s"),
        ([drill(550)], Outcome.WARN, "RTO at twice the data 630.0 s (scaled)"),
        ([drill(350)], Outcome.WARN, "2 manual steps add 300 s, 1 of them never timed"),
    ],
)
def test_objectives_are_met_only_by_recent_drills_that_passed_in_time(
    drills: list[Mapping[str, Any]], outcome: Outcome, said: str
) -> None:
    report = check_objectives(drills, TARGETS, NOW)
    assert report.checks[0].outcome is outcome, report.checks[0].detail
    assert said in report.checks[0].detail


def test_without_spread_in_the_sizes_the_phases_that_grow_are_doubled() -> None:
    forecast = forecast_rto([drill(100), drill(90), drill(110)])
    assert forecast is not None
    assert (forecast.seconds, forecast.method) == (180.0, "scaled")


def test_drills_of_different_sizes_are_fitted_by_a_line() -> None:
    forecast = forecast_rto([drill(50.0 + size, size=size * 10**9) for size in (40, 30, 20)])
    assert forecast is not None
    assert forecast.method == "fitted"
    assert forecast.seconds == pytest.approx(50 + 80)


@given(history=st.lists(st.tuples(st.floats(1, 10**5), st.integers(1, 10**13)), min_size=1, max_size=20))
def test_twice_the_data_never_takes_less_than_nothing(history: list[tuple[float, int]]) -> None:
    forecast = forecast_rto([drill(rto, size=size) for rto, size in history])
    assert forecast is not None
    assert forecast.method in ("fitted", "scaled")
    if forecast.method == "scaled":
        assert forecast.seconds >= history[0][0]


def test_within_eight_weeks_every_target_is_restored_from_every_repository() -> None:
    sunday = date(2026, 11, 1)
    plans = [plan_of_week(sunday + timedelta(weeks=week), (1, 2)) for week in range(8)]
    kinds = {("time" if target[0].isdigit() else target, repository) for target, repository in plans}
    assert kinds == {(kind, number) for kind in ("latest", "random", "longest", "time") for number in (1, 2)}
    assert all(before[1] != after[1] for before, after in pairwise(plans))
    assert next(target for target, _ in plans if target[0].isdigit()).endswith("T12:00:00+00:00")
