"""The recovery objectives, judged from the records of a real sandbox."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.cli import run
from printflow_reliability.drills.objectives import state_objectives
from printflow_reliability.records.check_results import remember
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import ObjectiveSettings
from printflow_reliability_tests.stack.conftest import StackSandbox

pytestmark = pytest.mark.stack

HISTORY = """
INSERT INTO drills (started_at, finished_at, target, repository, outcome, rto_seconds, rpo_seconds, document)
VALUES (now(), now() + interval '1 s' * %s, 'test', 1, 'pass', %s, 2, '{"numbers": {"fetched_bytes": 1}, "phases": {}}')
"""


@pytest.mark.alarm("recovery.objectives", "ring")
@pytest.mark.alarm("recovery.objectives", "silent")
@pytest.mark.alarm("recovery.objectives", "unknown")
def test_objectives_ring_when_missed_or_unproven_and_are_unknown_without_records(
    sandbox: StackSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_records(sandbox.settings.records) as records:
        try:
            records.execute("ALTER TABLE drills RENAME TO drills_of_others")
            records.execute("CREATE TABLE drills (LIKE drills_of_others INCLUDING ALL)")
            assert state_objectives(sandbox.settings).checks[0].outcome is Outcome.FAIL
            records.execute(HISTORY, (0, 60))
            assert state_objectives(sandbox.settings).checks[0].outcome is Outcome.PASS
            records.execute(HISTORY, (1, 7200))
            late = state_objectives(sandbox.settings).checks[0]
            assert late.outcome is Outcome.FAIL
            assert "measured an RTO of 7200.0 s" in late.detail
            assert run(["--config", str(sandbox.config), "drill", "objectives", "--json"]) == 1
            assert json.loads(capsys.readouterr().out)["untimed_steps"] == 1
        finally:
            records.execute("DROP TABLE drills")
            records.execute("ALTER TABLE drills_of_others RENAME TO drills")
    with sandbox.stopped("system_db"):
        away = state_objectives(sandbox.settings).checks
        assert {check.check: check.outcome for check in away} == {
            "recovery.objectives": Outcome.UNKNOWN,
            "recovery.tiers": Outcome.UNKNOWN,
        }


@pytest.mark.alarm("recovery.tiers", "ring")
@pytest.mark.alarm("recovery.tiers", "silent")
@pytest.mark.alarm("recovery.tiers", "unknown")
def test_an_objective_of_a_tier_is_measured_by_what_its_check_last_found(
    sandbox: StackSandbox,
) -> None:
    objective = ObjectiveSettings(tier="files", rpo_seconds=3600, rto_seconds=14400, timed_seconds=900)
    settings = sandbox.settings.model_copy(update={"objective": (objective,)})
    now = datetime.now(UTC)
    with open_records(sandbox.settings.records) as records:
        try:
            records.execute("ALTER TABLE check_results RENAME TO results_of_others")
            records.execute("CREATE TABLE check_results (LIKE results_of_others INCLUDING ALL)")
            unknown = state_objectives(settings, now)
            remember(records, [CheckResult("files.missing", Outcome.PASS, "each has its object")])
            fresh = state_objectives(settings, now)
            late = state_objectives(settings, now + timedelta(hours=2))
        finally:
            records.execute("DROP TABLE check_results")
            records.execute("ALTER TABLE results_of_others RENAME TO check_results")

    assert unknown.checks[1].outcome is Outcome.UNKNOWN
    assert fresh.checks[1].outcome is Outcome.PASS, fresh.checks[1]
    assert late.checks[1].outcome is Outcome.FAIL
    assert "files: RPO 2 h, target 1 h: missed; printflow files reconcile" in late.checks[1].detail
    assert [tier.tier for tier in fresh.tiers] == ["database", "files"]
