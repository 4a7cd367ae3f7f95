"""The recoverable window on real repositories in S3: a healthy one is silent, a gap rings by its name."""

import time
from collections.abc import Callable

import pytest

from printflow_reliability.backups.integrity import verify_repositories
from printflow_reliability.backups.window.window import RepositoryWindow, WindowReport, recoverable_window
from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.sandbox.faults import planted
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.wal import switch_wal

pytestmark = pytest.mark.stack

Record = Callable[[str, object], None]
CLUSTER = ["live_db"]


@pytest.fixture(scope="module")
def verified(backed_up: StackSandbox) -> Settings:
    """With WAL after the backups, all of it verified."""
    switch_wal(backed_up, "live_db", times=3)
    assert verify_repositories(backed_up.settings, clusters=CLUSTER).checks[0].outcome is Outcome.PASS
    return backed_up.settings


def of_repository(report: WindowReport, number: int) -> RepositoryWindow:
    return next(window for window in report.repositories if window.repository == number)


def states(window: RepositoryWindow) -> set[str]:
    return {str(interval.state) for interval in window.intervals}


@pytest.mark.alarm("backup.window", "silent")
def test_a_healthy_window_is_silent_and_says_what_a_drill_would_prove(verified: Settings) -> None:
    report = recoverable_window(verified, clusters=CLUSTER)
    (check,) = report.checks
    assert check.outcome is Outcome.PASS, check.detail
    assert all("gap" not in states(window) for window in report.repositories)
    assert report.numbers["recoverable_seconds"] > 0
    assert 0 <= report.numbers["proven_fraction"] <= 1


@pytest.mark.alarm("backup.window", "ring")
def test_a_missing_segment_is_a_gap_by_its_name(
    verified: Settings, backed_up: StackSandbox, record_property: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    with planted(backed_up.home, "wal_segment_missing") as fault:
        began = time.monotonic()
        report = recoverable_window(verified, clusters=CLUSTER)
        record_property("seconds_to_ring", time.monotonic() - began)
        code = run(["--config", str(backed_up.config), "backup", "window", "live_db"])
        said = capsys.readouterr().out
    (check,) = report.checks
    assert (check.outcome, code) == (Outcome.FAIL, 1)
    gaps = [interval for window in report.repositories for interval in window.intervals if interval.state == "gap"]
    assert gaps
    assert all(fault.where["segment"] in gap.detail for gap in gaps)
    assert fault.where["segment"] in said
    assert "!" in said
