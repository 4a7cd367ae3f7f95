"""How a capability's answer becomes Dagster's: only a pass passes, and nothing of it is lost on the way."""

import dagster as dg
import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs.reporting import check_result, findings_table, plainly
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
    with pytest.raises(dg.Failure) as failed, plainly():
        raise CouldNotTell("live_db does not answer", "start it")

    assert failed.value.allow_retries is False
    assert failed.value.metadata["next_step"].value == "start it"


def test_a_key_cannot_break_out_of_its_cell() -> None:
    evil = Finding(kind="orphan", severity=Severity.WARNING, detail="<script>", action="none", key="a|b\nc\\|d")

    table = findings_table([evil])

    assert len(table.splitlines()) == 3
    assert "a\\|b\\\\nc" in table
    assert "<script>" not in table
