"""`printflow files protect`: what protects each bucket of the catalog, and the command that mends what does not."""

import typer

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, say, table
from printflow_reliability.files.protection.protect import ProtectionReport, check_protection
from printflow_reliability.text import printable


def protect_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Look at what protects each bucket: versions, locks, replication, lifecycle, public access, encryption, MFA.

    Nothing is changed: each item that is not as it should be is followed by the command that mends it.
    """
    settings = invocation(ctx).settings()
    report = check_protection(settings)
    conclude(settings, report, as_json=json, show=lambda: show_protection(report))


def show_protection(report: ProtectionReport) -> None:
    """A table of all items, the commands that mend them, and the verdict."""
    table(
        ("bucket", "protection", "outcome", "found"),
        [(bucket, item.words, OUTCOME_WORDS[item.outcome], item.detail) for bucket, item in report.worst_first],
    )
    for bucket, item in report.worst_first:
        if item.command:
            say(printable(f'To mend {item.words} of bucket "{bucket}":'))
            say(f"    {printable(item.command)}")
    for check in report.checks:
        say(f"{OUTCOME_WORDS[check.outcome]}: {printable(check.detail)}")
