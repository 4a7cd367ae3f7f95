"""`printflow copies`: the 3-2-1-1-0 rule, each digit with its evidence."""

from typing import Annotated

import typer

from printflow_reliability.checks import Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, say, table
from printflow_reliability.copies.copies import DIGITS, CopiesReport, check_copies

WORDS = {Outcome.PASS: "yes", Outcome.FAIL: "NO", Outcome.UNKNOWN: "COULD NOT TELL", Outcome.WARN: "yes"}
FILE_WORDS = {Outcome.UNKNOWN: "COULD NOT TELL"}
QUESTIONS = {
    "copies": "copies that were verified",
    "media": "kinds of media",
    "offsite": "in another region",
    "immutable": "that nobody can delete",
    "errors": "errors",
}


def copies_command(
    ctx: typer.Context,
    cluster: Annotated[
        str | None, typer.Argument(metavar="CLUSTER", help="One cluster; all of them by default.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Judge 3-2-1-1-0: three copies, two media, one in another region, one that nobody can delete, no error.

    It is judged for each cluster, and without CLUSTER for the print files of each bucket too. What cannot be seen now
    is not counted. Object Lock is tried: an object that is locked for a day must refuse to be deleted by the very key
    that dumps are made with.
    """
    settings = invocation(ctx).settings()
    report = check_copies(settings, clusters=None if cluster is None else (cluster,))
    conclude(settings, report, as_json=as_json, show=lambda: _show(report))


def _show(report: CopiesReport) -> None:
    rows = [
        (
            copy.cluster,
            copy.name,
            str(copy.place.medium),
            copy.place.region or "-",
            {Outcome.PASS: "verified", Outcome.UNKNOWN: "unknown"}.get(copy.state, "DOES NOT COUNT"),
            "locked" if copy.locked else "-",
        )
        for copy in (*report.copies, *(copy for found in report.files for copy in found.copies))
    ]
    table(("of", "copy", "on", "region", "state", "lock"), rows)
    answers = {check.check.removeprefix("copies."): check for check in report.checks}
    for name, digit in DIGITS.items():
        check = answers[name]
        say(f"{digit} {QUESTIONS[name]}: {WORDS[check.outcome]}")
        say(f"    {check.detail}")
    for found in report.files:
        say(f'print files of bucket "{found.bucket}"')
        for each in found.digits:
            say(f"    {DIGITS[each.name]} {QUESTIONS[each.name]}: {WORDS[each.outcome]}, {each.evidence}")
    if (files := answers.get("files")) is not None and files.outcome is not Outcome.PASS:
        say(f"{FILE_WORDS.get(files.outcome, files.outcome.upper())}: {files.detail}")
