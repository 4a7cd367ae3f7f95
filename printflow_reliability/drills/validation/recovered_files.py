"""The references that a clone holds against the bucket: would the files of the recovered platform be there?

The bucket is not restored with the databases, so each reference is compared with what its object was at the recovered
moment. What that takes to heal is a plan, one line a file.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.platform.queries import Connector
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted

CHECK = "drill.files"
WRONG = ("wrong_tenant", "size_mismatch", "checksum_mismatch")
"""Kinds of findings in which an object is there, and is not what the database means."""
RESTORABLE = ("missing_restorable", "in_quarantine")


@dataclass(frozen=True)
class RecoveredFiles:
    """The check's answer, and what would have to be copied back: a finding with its version and action each."""

    result: CheckResult
    plan: Sequence[Finding] = ()

    def plan_lines(self) -> Iterator[str]:
        """The plan as JSON documents, one a line."""
        return (json.dumps(finding.as_json()) + "\n" for finding in self.plan)


def check_files(settings: Settings, connect_with: Connector, moment: datetime | None, place: Path) -> RecoveredFiles:
    """Reconcile the clones' references with the bucket. Orphans are nothing that a recovery would mind.

    Args:
        settings: the whole configuration.
        connect_with: opens the clones.
        moment: what they stand at; None for the end of WAL.
        place: a directory for the findings.

    Raises:
        Refused: what was seen looks like a misconfiguration rather than a loss.
        CouldNotTell: the bucket cannot be asked.
    """
    findings_file = place / "files.jsonl"
    report = reconcile(settings, connect_with=connect_with, findings_file=findings_file, as_of=moment)
    answers = [result for result in report.checks if result.check != "files.orphans"]
    unknown = next((result.detail for result in answers if result.outcome is Outcome.UNKNOWN), None)
    if unknown is not None and report.incomplete:
        return RecoveredFiles(CheckResult(CHECK, Outcome.UNKNOWN, unknown))
    with findings_file.open(encoding="utf-8") as lines:
        found = (json.loads(line) for line in lines)
        missing = [
            Finding(**{**document, "severity": Severity(document["severity"])})
            for document in found
            if document["kind"] in RESTORABLE
        ]
    plan = (*missing, *report.overwritten)
    result = check_counts({**report.counts, "overwritten": len(report.overwritten)}, report.references)
    if unknown is not None and result.outcome is not Outcome.FAIL:
        result = CheckResult(CHECK, Outcome.UNKNOWN, unknown, result.numbers)
    return RecoveredFiles(result, plan)


def check_counts(counts: Mapping[str, int], references: int) -> CheckResult:
    """The check's answer for these findings by kind."""
    restorable = sum(counts.get(kind, 0) for kind in RESTORABLE)
    lost = counts.get("missing_lost", 0)
    misspelled = counts.get("near_miss", 0)
    overwritten = counts.get("overwritten", 0)
    wrong = sum(counts.get(kind, 0) for kind in WRONG)
    missing = lost + restorable + misspelled
    numbers = {
        "references": references,
        "missing_files": missing,
        "restorable_files": restorable,
        "lost_files": lost,
        "overwritten_files": overwritten,
        "wrong_files": wrong,
    }
    there = references - missing
    detail = f"{counted(references, 'reference')}: {there:,} there, {restorable} restorable, {lost} lost"
    if misspelled:
        detail += f", {misspelled} only under another spelling"
    if overwritten:
        detail += f", {overwritten} overwritten since, the version of then kept"
    if wrong:
        detail += f", {wrong} not what the database says"
    if lost or misspelled or wrong:
        return CheckResult(CHECK, Outcome.FAIL, f"{detail}. Next: printflow files reconcile", numbers)
    if restorable or overwritten:
        return CheckResult(CHECK, Outcome.WARN, f"{detail}. The plan to heal them is beside the report", numbers)
    return CheckResult(CHECK, Outcome.PASS, detail, numbers)
