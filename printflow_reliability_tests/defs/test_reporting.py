"""How a capability's answer becomes Dagster's: only a pass passes, and nothing of it is lost on the way."""

import dagster as dg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs.reporting import (
    WORST,
    as_dagster_failure,
    check_result,
    findings_table,
    result,
    verdict,
)
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.findings import Finding, Severity


@pytest.mark.parametrize(
    ("outcome", "check", "passed", "severity"),
    [
        (Outcome.PASS, "wal.lag", True, dg.AssetCheckSeverity.ERROR),
        (Outcome.WARN, "wal.lag", False, dg.AssetCheckSeverity.WARN),
        (Outcome.FAIL, "wal.lag", False, dg.AssetCheckSeverity.ERROR),
        (Outcome.FAIL, "files.orphans", False, dg.AssetCheckSeverity.WARN),
        (Outcome.UNKNOWN, "files.orphans", False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_only_a_pass_passes_and_unknown_is_an_error(
    outcome: Outcome, check: str, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    shown = check_result(CheckResult(check, outcome, "why", {"wal_lag_seconds": 3}))

    assert (shown.passed, shown.severity, shown.description) == (passed, severity, "why")
    assert shown.metadata["wal_lag_seconds"].value == 3
    assert shown.metadata["outcome"].value == outcome


def test_an_error_for_people_fails_a_run_without_a_retry() -> None:
    with pytest.raises(dg.Failure) as failed, as_dagster_failure():
        raise CouldNotTell("live_db does not answer", "start it")

    assert failed.value.allow_retries is False
    assert failed.value.metadata["next_step"].value == "start it"


def test_a_key_cannot_break_out_of_its_cell() -> None:
    evil = Finding(kind="orphan", severity=Severity.WARNING, detail="<script>", action="none", key="a|b\nc\\|d")

    table = findings_table([evil], 1, "printflow files orphans").md_str or ""

    assert len(table.splitlines()) == 3
    assert "a\\|b\\\\nc" in table
    assert "<script>" not in table


def test_the_worst_ten_findings_are_shown_and_how_many_more_there_are() -> None:
    found = [Finding(kind="orphan", severity=Severity.WARNING, detail="d", action="a", key=str(n)) for n in range(30)]
    found.append(Finding(kind="missing_lost", severity=Severity.CRITICAL, detail="d", action="a", key="the worst"))

    table = (findings_table(found, 4321, "printflow files reconcile").md_str or "").splitlines()

    assert "the worst" in table[2]
    assert len([line for line in table if line.startswith("|")]) == 2 + WORST
    assert table[-1] == "4311 more: `printflow files reconcile`"
    assert all(line.count("|") == 4 for line in table[:-2])  # three columns, narrow enough for a screen


class Found:
    checks: tuple[CheckResult, ...] = (
        CheckResult("wal.continuity", Outcome.PASS, "whole"),
        CheckResult("wal.lag", Outcome.FAIL, "archiving lags. Next: printflow wal verify"),
    )

    @property
    def numbers(self) -> dict[str, int | float]:
        return {"unarchived_seconds": 3.5, "segments_checked": 7, "rto_seconds": 2.0}

    def as_json(self) -> dict[str, object]:
        return {}


def test_the_verdict_comes_first_then_what_to_do_then_numbers_by_worth() -> None:
    shown = result(Found(), "wal.continuity", "wal.lag", headline={"drill": 3}, first=("rto_seconds",))

    metadata = shown.metadata or {}
    assert list(metadata) == [
        *("verdict", "not_passed", "drill"),
        *("rto_seconds", "segments_checked", "unarchived_seconds"),
    ]
    assert metadata["verdict"] == "FAIL: 1 failed of 2 checks"
    assert "printflow wal verify" in str(metadata["not_passed"])


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([], "OK"),
        ([Outcome.PASS], "OK"),
        ([Outcome.PASS, Outcome.UNKNOWN], "COULD NOT TELL: 1 could not tell of 2 checks"),
        ([Outcome.WARN, Outcome.UNKNOWN, Outcome.FAIL], "FAIL: 1 failed, 1 could not tell, 1 warned of 3 checks"),
    ],
)
def test_the_verdict_is_the_worst_of_the_checks(outcomes: list[Outcome], sentence: str) -> None:
    names = ("wal.continuity", "wal.lag", "backup.recent")

    shown = verdict([CheckResult(name, outcome, "why") for name, outcome in zip(names, outcomes, strict=False)])

    assert shown["verdict"] == sentence
    assert ("not_passed" in shown) == (sentence != "OK")


def test_a_check_that_the_report_does_not_answer_is_no_pass() -> None:
    metadata = result(Found(), "backup.recent").metadata or {}

    assert str(metadata["verdict"]).startswith("COULD NOT TELL")
