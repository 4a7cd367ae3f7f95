"""Verdict, exit code and words agree wherever a drill is told: command line, page, history, Dagster, alerts."""

import html
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability.alerts.results import causes
from printflow_reliability.check_rows import check_rows
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills import wording
from printflow_reliability.drills.commands import show
from printflow_reliability.drills.report import CHECKS, render
from printflow_reliability.settings import Settings
from printflow_reliability_tests.drills.drill_reports import drill, settings

__all__ = ["settings"]

WHY = "not reached; fetch broke off: repo1 did not answer. Next: printflow backup list"


@pytest.mark.parametrize(
    ("outcomes", "word", "passed", "code"),
    [
        ({}, "PASSED", True, 0),
        ({"files": Outcome.WARN}, "WARN", True, 1),
        ({"files": Outcome.WARN, "tenant": Outcome.UNKNOWN}, "COULD NOT TELL", False, 2),
        ({"tenant": Outcome.UNKNOWN, "fence": Outcome.FAIL}, "FAIL", False, 1),
    ],
)
def test_the_last_line_the_exit_code_the_page_and_the_history_say_the_same(
    outcomes: dict[str, Outcome],
    word: str,
    passed: bool,
    code: int,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = drill(**outcomes)
    document = report.as_json()
    show(document, settings)
    verdict = next(line for line in capsys.readouterr().out.splitlines() if "RTO" in line and "target" in line)
    assert verdict.startswith(f"{word}   RTO ")
    assert (report.exit_code, document["passed"], wording.verdict(document)) == (code, passed, word)
    assert f"<strong>{word}</strong>" in render(document, settings)


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.UNKNOWN])
def test_a_drill_from_a_standby_says_everywhere_that_it_proves_no_backup(
    outcome: Outcome, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    document = replace(drill(files=outcome), from_standby=True).as_json() | {"rto_seconds": None, "rpo_seconds": None}
    show(document, settings)
    told, page = capsys.readouterr().out, html.unescape(render(document, settings))
    assert "from the standby, WAL from repo2" in told
    assert "from the standby, WAL from repo2" in page
    assert (wording.NO_BACKUP in told, wording.NO_BACKUP in page) == (True, True)
    for claim in ("restored from its backups", "Time to recover", "Data that would be lost", "RTO"):
        assert claim not in page
    assert "RTO" not in told
    assert "RTO" in _shown(drill().as_json(), settings, capsys)


def _shown(document: Mapping[str, Any], settings: Settings, capsys: pytest.CaptureFixture[str]) -> str:
    show(document, settings)
    return capsys.readouterr().out


def test_a_drill_that_was_interrupted_could_not_tell_whatever_it_had_found() -> None:
    report = replace(drill(fence=Outcome.FAIL, files=Outcome.UNKNOWN), interrupted="SIGTERM")
    assert report.exit_code == 2
    assert wording.verdict(report.as_json()) == "COULD NOT TELL (interrupted by SIGTERM)"
    assert wording.verdict({"outcome": None}) == "RUNNING"


def test_numbers_that_the_records_did_not_take_are_never_all_well() -> None:
    assert replace(drill(), unrecorded=Path("/drills/drill-31.unrecorded.json")).exit_code == 1


def test_what_many_checks_say_of_one_cause_is_said_once(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tuple(CheckResult(name, Outcome.UNKNOWN, WHY) for name in CHECKS)
    document = replace(drill(), checks=answers).as_json()
    show(document, settings)
    told = capsys.readouterr().out
    assert told.count("did not answer") == 1
    assert f"{len(CHECKS)} checks: fence, recovery" in told
    assert render(document, settings).count("did not answer") == 1
    assert len(check_rows(document["checks"])) == 1
    ((first, *others),) = causes(answers)
    assert first.check == "drill.fence"  # the most urgent of them pages
    assert len(others) == len(CHECKS) - 1


def test_failures_of_different_causes_each_page() -> None:
    answers = [CheckResult("drill.fence", Outcome.FAIL, "a"), CheckResult("drill.files", Outcome.FAIL, "b")]
    assert [len(alike) for alike in causes([*answers, CheckResult("drill.tenant", Outcome.WARN, "a")])] == [1, 1]
