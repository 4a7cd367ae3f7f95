"""`printflow backup window`: what can be restored, and what was proven, as a bar and in sentences."""

from typing import Annotated

import typer

from printflow_reliability.backups.window.intervals import State
from printflow_reliability.backups.window.picture import bar, legend
from printflow_reliability.backups.window.window import RepositoryWindow, WindowReport, recoverable_window
from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, progress, say
from printflow_reliability.text import moment, seconds

CELLS = 60


def window_command(
    ctx: typer.Context,
    cluster: Annotated[
        str | None, typer.Argument(metavar="CLUSTER", help="One cluster; all of them by default.")
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show which moments each repository can restore, and which of them a drill has proven."""
    settings = invocation(ctx).settings()
    with progress("looking at the recoverable window"):
        report = recoverable_window(settings, clusters=None if cluster is None else (cluster,))
    conclude(settings, report, as_json=as_json, show=lambda: _show(report))


def _show(report: WindowReport) -> None:
    for window in report.repositories:
        _show_window(window)
    say(legend())
    check = report.checks[0]
    say(f"{OUTCOME_WORDS[check.outcome]}: {check.detail}")


def _show_window(window: RepositoryWindow) -> None:
    head = f"{window.cluster} repo{window.repository}"
    if not window.intervals:
        say(f"{head}  {OUTCOME_WORDS[window.verdict.outcome]}")
        return
    say(f"{head}  [{bar(window.intervals, CELLS)}]")
    for interval in window.intervals:
        length = seconds(interval.seconds) if interval.end > interval.begin else "a moment"
        accepted = " (accepted)" if interval.accepted else ""
        say(
            f"    {interval.state:<9} {moment(interval.begin)} to {moment(interval.end)}  {length}: "
            f"{interval.detail}{accepted}"
        )
    proven = f"{window.proven_fraction:.0%} of it {State.PROVEN}"
    say(f"    {seconds(window.recoverable_seconds)} can be restored, {proven}")
