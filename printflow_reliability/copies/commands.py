"""`printflow copies`: the 3-2-1-1-0 rule, each digit with its evidence."""

from collections.abc import Sequence
from typing import Annotated

import typer

from printflow_reliability.checks import Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, say, table
from printflow_reliability.copies.copies import DIGITS, CopiesReport, check_copies
from printflow_reliability.copies.rules import Copy, Digit

WORDS = {Outcome.PASS: "yes", Outcome.FAIL: "NO", Outcome.UNKNOWN: "COULD NOT TELL", Outcome.WARN: "yes"}
FILE_WORDS = {Outcome.PASS: "as they must be", Outcome.UNKNOWN: "COULD NOT TELL"}
ACKNOWLEDGED = "no, which is acknowledged"
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
        for copy in _all(report)
    ]
    table(("of", "copy", "on", "region", "state", "lock"), rows)
    troubles = dict.fromkeys(copy.evidence for copy in _all(report) if copy.state is not Outcome.PASS)
    for trouble in troubles:
        of = ", ".join(f"{copy.name} of {copy.cluster}" for copy in _all(report) if copy.evidence == trouble)
        say(f"does not count: {of}")
        say(f"    {trouble}")
    answers = {check.check.removeprefix("copies."): check for check in report.checks}
    for name, number in DIGITS.items():
        say(f"{number} {QUESTIONS[name]}: {WORDS[answers[name].outcome]}")
        for digit in report.digits:
            if digit.name == name:
                say(f"    {digit.cluster}: {_told_once(digit, tuple(troubles))}")
    for found in report.files:
        say(f'print files of bucket "{found.bucket}"')
        for digit in found.digits:
            told = _told_once(digit, tuple(troubles))
            no = answers["files"].outcome is Outcome.PASS and digit.outcome is Outcome.FAIL
            word = ACKNOWLEDGED if no else WORDS[digit.outcome]
            say(f"    {DIGITS[digit.name]} {QUESTIONS[digit.name]}: {word}, {told}")
    if (files := answers.get("files")) is not None:
        say(f"copies of print files: {FILE_WORDS.get(files.outcome, files.outcome.upper())}")


def _all(report: CopiesReport) -> Sequence[Copy]:
    return (*report.copies, *(copy for found in report.files for copy in found.copies))


def _told_once(digit: Digit, troubles: Sequence[str]) -> str:
    """What was found for a digit, without the reasons that stand above it."""
    found = digit.found
    for trouble in troubles:
        found = found.replace(trouble, "(above)")
    left_out = ", ".join(copy.name for copy in digit.missing)
    return f"{found}; not counted: {left_out}" if left_out else found
