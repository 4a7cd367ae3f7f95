"""Unknown is never healthy, and a certain failure outranks it."""

import pytest

from printflow_reliability.checks import CheckResult, Outcome, exit_code, worst
from printflow_reliability.findings import Finding, Severity, worst_first
from printflow_reliability.register import REGISTER


@pytest.mark.parametrize(
    ("outcomes", "expected", "code"),
    [
        ([Outcome.PASS, Outcome.PASS], Outcome.PASS, 0),
        ([Outcome.PASS, Outcome.WARN], Outcome.WARN, 1),
        ([Outcome.PASS, Outcome.UNKNOWN, Outcome.WARN], Outcome.UNKNOWN, 2),
        ([Outcome.UNKNOWN, Outcome.FAIL], Outcome.FAIL, 1),
        ([], Outcome.UNKNOWN, 2),
    ],
)
def test_the_worst_outcome_decides(outcomes: list[Outcome], expected: Outcome, code: int) -> None:
    assert worst(outcomes) is expected
    assert exit_code(outcomes) == code


def test_an_unregistered_name_is_refused() -> None:
    with pytest.raises(ValueError, match="not a registered check"):
        CheckResult("wal.colour", Outcome.PASS, "blue")


def test_every_check_entry_asks_a_question() -> None:
    assert all(check.question.endswith("?") for check in REGISTER.values())


def test_an_unknown_is_as_severe_as_the_failure_it_may_hide() -> None:
    assert CheckResult("wal.continuity", Outcome.UNKNOWN, "away").severity is Severity.CRITICAL
    assert CheckResult("wal.continuity", Outcome.PASS, "whole").severity is Severity.INFO


def test_findings_are_ordered_worst_first_and_otherwise_as_they_came() -> None:
    def finding(severity: Severity, detail: str) -> Finding:
        return Finding(kind="orphan", severity=severity, detail=detail, action="look")

    ordered = worst_first([finding(Severity.INFO, "a"), finding(Severity.CRITICAL, "b"), finding(Severity.INFO, "c")])
    assert [result.detail for result in ordered] == ["b", "a", "c"]
