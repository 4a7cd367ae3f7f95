"""The text of an alert: what happened, to whom it matters, what to do now, and where the runbook is."""

import re
from pathlib import Path

import pytest

from printflow_reliability.alerts.message import acknowledge_command
from printflow_reliability.alerts.wording import RUNBOOK, body
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.register import REGISTER
from printflow_reliability_tests.alerts.messages import message
from printflow_reliability_tests.platform_elsewhere import configured, output_of


@pytest.mark.parametrize("check", REGISTER)
def test_an_alert_about_a_check_says_what_happened_to_whom_it_matters_and_what_to_do(check: str) -> None:
    lines = body(CheckResult(check, Outcome.FAIL, "2 of 3 are wrong"), ["wal.lag"]).split("\n")
    assert lines[:3] == [REGISTER[check].question, "2 of 3 are wrong", "The same holds for wal.lag."]
    assert re.fullmatch(r"Matters to: .+\.", lines[3])
    assert re.fullmatch(r"What to do: [A-Z].+\.", lines[4])
    assert len(lines) == (6 if check in RUNBOOK else 5)


@pytest.mark.parametrize("check", RUNBOOK)
def test_the_runbooks_section_is_there(check: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = body(CheckResult(check, Outcome.FAIL, "wrong")).split("\n")[-1]
    assert last.startswith("Runbook: printflow runbook ")
    code, text = output_of(configured(tmp_path), last.removeprefix("Runbook: printflow "), capsys)
    assert code == 0
    assert text


def test_people_are_told_the_command_that_acknowledges() -> None:
    text = message(dedup_key="run:files:tenant a's").text
    assert text.endswith("""Acknowledge: printflow alerts ack 'run:files:tenant a'"'"'s'""")
    assert acknowledge_command("-x") == "printflow alerts ack -- -x"


def test_the_end_of_an_alert_asks_nobody_for_anything() -> None:
    ended = message(why="resolve", resolved_at=message().raised_at)
    assert ended.headline == "Resolved: Paid order 10482 must not go to print"
    assert ended.text == (
        "Print-Flow-360 (staging), critical, raised 2026-11-02 14:05:00 UTC, resolved 2026-11-02 14:05:00 UTC"
    )
