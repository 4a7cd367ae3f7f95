"""`printflow files deletions`: referenced files that were deleted, and by whom, as the object journal has it."""

import typer

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, say
from printflow_reliability.files.deletions import DeletionReport, check_deletions
from printflow_reliability.text import printable

SHOWN = 20


def deletions_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Name the referenced files that were deleted lately and are not back, with who deleted them.

    Needs the object journal of [journal]. Nothing is changed.
    """
    settings = invocation(ctx).settings()
    report = check_deletions(settings)
    conclude(settings, report, as_json=json, show=lambda: _show(report))


def _show(report: DeletionReport) -> None:
    for check in report.checks:
        say(f"{OUTCOME_WORDS[check.outcome]}: {printable(check.detail)}")
    for finding in report.findings[:SHOWN]:
        say(f"{finding.severity.upper():<9}{printable(finding.key or '-')}")
        say(f"{'':9}{printable(finding.detail)}")
    if report.findings:
        say(f"Next: {printable(report.findings[0].action)}")
