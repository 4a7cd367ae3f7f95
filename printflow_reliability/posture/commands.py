"""`printflow posture`: what the platform's own code and configuration must have, and the plan as a scoreboard."""

from pathlib import Path
from typing import Annotated

import typer

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import worst
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, say, table
from printflow_reliability.posture.items import WORDS
from printflow_reliability.posture.page import write_page
from printflow_reliability.posture.report import PostureReport, judge_source
from printflow_reliability.text import counted


def posture_command(
    ctx: typer.Context,
    source: Annotated[
        Path | None,
        typer.Option("--source", metavar="DIR", help="The platform's checkout; default: posture.source."),
    ] = None,
    plan: bool = typer.Option(False, "--plan", help="Show the action plan as a scoreboard."),
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the scoreboard and every item as a page for any browser."),
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Judge the platform's own source, read-only: environment, queues, jobs, silent skips, monitoring, probes, files.

    Every item has its file and line, what it is, what it should be and why. What cannot be seen there is unknown, and
    never fine.
    """
    settings = invocation(ctx).settings()
    report = judge_source(settings, source)
    if html is not None:
        write_page(html, report, settings)

    def show() -> None:
        (_show_plan if plan else _show_items)(report)
        if html is not None:
            say(f"{html}: the action plan and every item, for any browser")

    conclude(settings, report, as_json=as_json, show=show)


def _show_items(report: PostureReport) -> None:
    _say_verdict(report)
    for item in report.unwell:
        say(f"{WORDS[item.outcome].upper()}  {item.place}  {item.found}")
        say(f"    should be: {item.rule.expected}. {item.rule.why}")
    if report.unwell:
        say("Next: printflow posture --plan")


def _show_plan(report: PostureReport) -> None:
    _say_verdict(report)
    rows = [(row.priority, str(row.status), row.item) for row in report.plan]
    table(("item", "status", "what it must be"), rows)
    for row in report.plan:
        if row.next_step:
            say(f"{row.priority}  {'; '.join(row.evidence)}")
            say(f"    next: {row.next_step}")


def _say_verdict(report: PostureReport) -> None:
    word = OUTCOME_WORDS[worst(check.outcome for check in report.checks)]
    numbers = report.numbers
    parts = [f"{numbers[f'{kind}_items']} {kind}" for kind in ("wrong", "unknown", "doubtful", "good")]
    say(f"{word}: {counted(len(report.items), 'item')} of {report.source}: {', '.join(parts)}")
