"""The digit 0: errors that cost no moment count as well, and a drill of long ago proves nothing of today."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.window.window import RepositoryWindow, WindowReport
from printflow_reliability.checks import Outcome
from printflow_reliability.copies import copies
from printflow_reliability_tests.minimal_settings import minimal_settings

NOW = datetime(2026, 11, 29, tzinfo=UTC)
PASS, FAIL, UNKNOWN = Outcome.PASS, Outcome.FAIL, Outcome.UNKNOWN


def window(outcome: Outcome, *errors: str) -> WindowReport:
    found = RepositoryWindow("shop", 1, (), ClusterVerdict(outcome, "shop repo1: the window"), errors)
    return WindowReport((found,), (), {})


@pytest.mark.parametrize(
    ("outcome", "errors", "expected"),
    [
        (PASS, (), PASS),
        (PASS, ("base backup F is damaged",), FAIL),
        (UNKNOWN, ("timeline 2 is not production's",), FAIL),
        (UNKNOWN, (), UNKNOWN),
        (FAIL, ("1 segment missing",), FAIL),
    ],
)
def test_an_error_that_costs_no_moment_is_one(outcome: Outcome, errors: tuple[str, ...], expected: Outcome) -> None:
    ((found, said),) = copies._errors("shop", window(outcome, *errors))
    assert found is expected
    assert said.startswith("shop repo1")
    assert copies._errors("another", window(outcome, *errors)) == []


@pytest.mark.parametrize(
    ("days_ago", "outcome", "expected"),
    [(1, "pass", PASS), (1, "warn", PASS), (400, "pass", UNKNOWN), (1, "fail", FAIL), (400, "unknown", UNKNOWN)],
)
def test_only_a_recent_drill_that_passed_shows_that_something_can_be_restored(
    monkeypatch: pytest.MonkeyPatch, days_ago: int, outcome: str, expected: Outcome
) -> None:
    running: dict[str, Any] = {"id": 8, "outcome": None, "finished_at": None}
    ended = {"id": 7, "outcome": outcome, "finished_at": (NOW - timedelta(days=days_ago)).isoformat()}
    monkeypatch.setattr(copies, "list_drills_of_backups", lambda _: [running, ended])
    assert copies._last_drill(minimal_settings(), NOW)[0] is expected
