"""The references that a clone holds against the bucket: would the files of the recovered platform be there?"""

from collections.abc import Mapping

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.clone import Connector
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.settings import Settings

CHECK = "drill.files"
WRONG = ("wrong_tenant", "size_mismatch", "checksum_mismatch")
"""Kinds of findings in which an object is there, and is not what the database means."""


def check_files(settings: Settings, connect_with: Connector) -> CheckResult:
    """Reconcile the clones' references with the bucket. Orphans are nothing that a recovery would mind."""
    report = reconcile(settings, connect_with=connect_with)
    answers = [result for result in report.checks if result.check != "files.orphans"]
    for result in answers:
        if result.outcome is Outcome.UNKNOWN:
            return CheckResult(CHECK, Outcome.UNKNOWN, result.detail)
    document = report.as_json()
    return judge(document["counts"], int(document["references"]))


def judge(counts: Mapping[str, int], references: int) -> CheckResult:
    """The check's answer for these findings by kind."""
    restorable = counts.get("missing_restorable", 0)
    lost = counts.get("missing_lost", 0)
    misspelled = counts.get("near_miss", 0)
    wrong = sum(counts.get(kind, 0) for kind in WRONG)
    missing = lost + restorable + misspelled
    numbers = {"references": references, "missing_files": missing, "lost_files": lost, "wrong_files": wrong}
    there = references - missing
    detail = f"{references:,} references: {there:,} there, {restorable} restorable, {lost} lost"
    if misspelled:
        detail += f", {misspelled} only under another spelling"
    if wrong:
        detail += f", {wrong} not what the database says"
    if lost or misspelled or wrong:
        return CheckResult(CHECK, Outcome.FAIL, f"{detail}. Next: printflow files reconcile", numbers)
    if restorable:
        return CheckResult(CHECK, Outcome.WARN, f"{detail}. Next: printflow files reconcile", numbers)
    return CheckResult(CHECK, Outcome.PASS, detail, numbers)
