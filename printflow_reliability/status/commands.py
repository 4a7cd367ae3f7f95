"""`printflow status`: what is wrong, worst first, on one screen."""

import re
import time
from datetime import UTC, datetime

import typer

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import Outcome, exit_code, worst
from printflow_reliability.console import JSON_OPTION, clear, finish, invocation, say, table
from printflow_reliability.errors import ConfigError
from printflow_reliability.status.status import Status, new_questions, status_of
from printflow_reliability.text import counted, moment

EVERY_SECONDS = 10.0
LONGEST_TEXT = 150
"""Characters of a sentence on the screen; its command, and --json, have all of it."""
AGE = re.compile(r" \([^()]{1,40} ago\)$")


def status_command(
    ctx: typer.Context,
    watch: bool = typer.Option(False, "--watch", help="Look again every ten seconds, until Ctrl-C."),
    json: bool = JSON_OPTION,
) -> None:
    """Say on one screen what is wrong, worst first, each with the command to type.

    Clusters, Redis and buckets are asked now, for 4 s each at most; everything else is as the records have it. What
    cannot be seen is said, and what is overdue is not known, whatever it was when somebody last looked.
    """
    given = invocation(ctx)
    settings = given.settings()
    questions = new_questions()
    if not watch:
        status = status_of(settings, questions)
        finish(status.as_json, as_json=json, show=lambda: _show(status), code=_code(status))
    if json:
        raise ConfigError("--json prints one document, and --watch does not end", "printflow status --json")
    status = status_of(settings, questions)
    try:
        while True:
            clear()
            _show(status)
            say(f"{moment(datetime.now(UTC))}, again every {EVERY_SECONDS:.0f} s; Ctrl-C ends it")
            time.sleep(EVERY_SECONDS)
            status = status_of(settings, questions)
    except KeyboardInterrupt:
        raise typer.Exit(_code(status)) from None


def _code(status: Status) -> int:
    return exit_code(line.outcome for line in status.lines)


def _show(status: Status) -> None:
    outcomes = [line.outcome for line in status.lines]
    unwell = sum(outcome is not Outcome.PASS for outcome in outcomes)
    word = OUTCOME_WORDS[worst(outcomes)]
    say(
        f"{word}: {counted(unwell, 'line')} of {len(outcomes)} not well, worst first"
        if unwell
        else f"{word}: all is well"
    )
    rows = [(OUTCOME_WORDS[line.outcome], line.area, line.command, shortened(line.text)) for line in status.lines]
    table(("", "area", "command", "what"), rows)


def shortened(text: str) -> str:
    """A sentence that fits on the screen: how long ago it was true is never what is left out."""
    if len(text) <= LONGEST_TEXT:
        return text
    found = AGE.search(text)
    age = found[0] if found else ""
    return f"{text[: LONGEST_TEXT - 3 - len(age)].rpartition(' ')[0]} ...{age}"
