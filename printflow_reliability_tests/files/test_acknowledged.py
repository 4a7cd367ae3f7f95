"""What a person knows of is information and no alarm; anything else about the same file still is one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.files import kinds
from printflow_reliability.files.acknowledged import as_acknowledged
from printflow_reliability.files.report import Tally
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.records.lasting_findings import About, Acknowledgement

LOST = Finding(
    kind=kinds.MISSING_LOST,
    severity=Severity.CRITICAL,
    detail="order 7: its print-ready file is lost",
    action="render it again",
    tenant="t",
    bucket="print-files",
    key="a.pdf",
    reference="order item",
    owner="order 7",
)
KNOWN = {About.of(LOST): Acknowledgement("Ada", "the shop has closed", datetime(2026, 11, 2, tzinfo=UTC))}


def test_a_known_missing_file_is_told_and_fails_no_check() -> None:
    tally = Tally(references=2, objects=1)
    told = as_acknowledged(LOST, KNOWN)
    tally.add(told)
    assert told.severity is Severity.INFO
    assert told.detail.endswith("; known to Ada since 2026-11-02 00:00:00 UTC: the shop has closed")
    missing = next(check for check in tally.checks(()) if check.check == "files.missing")
    assert missing.outcome is Outcome.PASS
    assert "1 lost" in missing.detail


@pytest.mark.parametrize(
    "changed",
    [{"key": "b.pdf"}, {"owner": "order 8"}, {"tenant": "u"}, {"bucket": "c"}, {"kind": kinds.MISSING_RESTORABLE}],
)
def test_another_finding_is_not_known(changed: dict[str, str]) -> None:
    other = replace(LOST, **changed)  # type: ignore[arg-type]
    assert as_acknowledged(other, KNOWN) == other


def test_what_is_no_missing_file_is_never_known() -> None:
    orphan = replace(LOST, kind=kinds.ORPHAN)
    assert as_acknowledged(orphan, {About.of(orphan): next(iter(KNOWN.values()))}) == orphan
