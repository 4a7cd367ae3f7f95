"""The recovery objectives, judged from the records of a real sandbox."""

import json

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.cli import run
from printflow_reliability.drills.objectives import state_objectives
from printflow_reliability.records.database import open_records
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
        assert state_objectives(sandbox.settings).checks[0].outcome is Outcome.UNKNOWN
