"""What an alert about a check says: what happened, to whom it matters, what to do now, and where the runbook is."""

from collections.abc import Mapping, Sequence

from printflow_reliability.checks import CheckResult
from printflow_reliability.register import REGISTER

MATTERS_TO: Mapping[str, str] = {
    "backup": "whoever must recover the databases",
    "wal": "whoever must recover the databases",
    "dump": "whoever must recover the databases",
    "copies": "whoever must recover the databases and the print files",
    "config": "whoever must bring the platform back on another machine",
    "drill": "whoever must recover the databases",
    "recovery": "whoever must recover the databases",
    "ready": "whoever runs the platform's servers",
    "files": "the tenants whose files these are, and whoever prints for them",
    "pdf": "the tenants whose files these are, and whoever prints for them",
    "orders": "customers who have paid, and whoever prints for them",
    "queues": "customers who have paid, and whoever runs the platform's workers",
    "redis": "customers who have paid, and whoever runs the platform's servers",
    "checkout": "customers who want to order, and whoever develops and runs the platform",
    "posture": "whoever develops and deploys the platform",
    "alerts": "everybody who relies on being told",
}
"""To whom an area of checks matters, by the first word of the check's name."""
RUNBOOK: Mapping[str, str] = {
    "drill.checksums": "cluster-lost",
    "drill.shrinkage": "table-dropped",
    "files.missing": "bucket-damaged",
    "files.content": "bucket-damaged",
    "files.healing": "bucket-damaged",
    "files.deletions": "bucket-damaged",
    "pdf.integrity": "bucket-damaged",
}
"""The scenario of the runbook that a failure may be the first sign of."""


def body(result: CheckResult, others: Sequence[str] = (), run: str | None = None) -> str:
    """The text of a check's alert.

    Args:
        result: what the check says.
        others: the checks of which the very same holds.
        run: the address of the run in which it said so, where there is one.
    """
    check = REGISTER[result.check]
    remedy = check.remedy.removeprefix("Red: ")
    lines = [check.question, result.detail]
    if others:
        lines.append(f"The same holds for {', '.join(others)}.")
    lines.append(f"Matters to: {MATTERS_TO[result.check.partition('.')[0]]}.")
    lines.append(f"What to do: {remedy[:1].upper()}{remedy[1:]}")
    if scenario := RUNBOOK.get(result.check):
        lines.append(f"Runbook: printflow runbook {scenario}")
    if run:
        lines.append(f"Run: {run}")
    return "\n".join(lines)
