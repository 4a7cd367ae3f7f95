"""`printflow orders`: which paid orders must not go to print, the guard's answer for one, and what to do about it."""

from datetime import UTC, datetime

import typer

from printflow_reliability.alerts.results import record_results
from printflow_reliability.checks import Outcome, exit_code
from printflow_reliability.console import JSON_OPTION, finish, invocation, person_named, say, table
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.moments import parse_moment
from printflow_reliability.orders import overrides
from printflow_reliability.orders.guard import GuardReport, check_order, check_paid_orders
from printflow_reliability.orders.holds import Hold
from printflow_reliability.orders.judgement import OrderAnswer, Override
from printflow_reliability.orders.problems import Kind, last_resort, next_step
from printflow_reliability.orders.repair.command import repair_order
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.records.database import open_records
from printflow_reliability.text import counted, moment, printable, seconds

app = typer.Typer(help="Paid orders: which of them must not go to print, and why.", no_args_is_help=True)
app.command("repair")(repair_order)


@app.command("held")
def held_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Judge every paid order now, and list those that must not go to print."""
    settings = invocation(ctx).settings()
    report = check_paid_orders(settings)
    record_results(settings, report.checks, alert=False)
    code = exit_code(check.outcome for check in report.checks)
    if code == 2:
        what, _, step = report.checks[0].detail.partition(". Next: ")
        raise CouldNotTell(what, step)
    finish(report.as_json, as_json=json, show=lambda: _show_held(report), code=code)


@app.command("check")
def check_command(
    ctx: typer.Context, order: str = typer.Argument(metavar="ORDER", help="The order's id."), json: bool = JSON_OPTION
) -> None:
    """Say whether one paid order may go to print: exit code 0 ready, 1 not, 2 could not tell."""
    settings, order = invocation(ctx).settings(), kept(order)
    answer = check_order(settings, order)
    finish(answer.as_json, as_json=json, show=lambda: _show_answer(order, answer), code=0 if answer.ready else 1)


@app.command("override")
def override_command(
    ctx: typer.Context,
    order: str = typer.Argument(metavar="ORDER", help="The order's id."),
    reason: str = typer.Option(..., "--reason", metavar="TEXT", help="Why it may go on as it is; kept with the order."),
    until: str = typer.Option(..., "--until", metavar="TIME", help="When this ends, such as 2026-11-02T14:05:00Z."),
    by: str | None = typer.Option(None, "--by", metavar="PERSON", help="Who decides; default: the user who runs this."),
    json: bool = JSON_OPTION,
) -> None:
    """Let a held order go on, by a named person and for a limited time."""
    settings, order = invocation(ctx).settings(), kept(order)
    given = Override(person_named(by), reason, parse_moment(until))
    with open_records(settings.records) as records:
        overrides.require_known(settings, records, order)
        overrides.override(records, order, given)
    report = check_paid_orders(settings, orders=[order])
    if report.checks[0].outcome is not Outcome.PASS:
        raise CouldNotTell(f"the override is kept, but the hold could not be lifted: {report.checks[0].detail}")
    document = {"order": order, "until": given.until, "by": given.person, "reason": given.reason}
    said = f"Order {order} may go to print until {moment(given.until)}, says {given.person}: {given.reason}"
    finish(lambda: document, as_json=json, show=lambda: say(said), code=0)


def _show_held(report: GuardReport) -> None:
    if not report.held:
        say(f"OK: {report.checks[0].detail}")
        return
    say(f"FAIL: {counted(len(report.held), 'paid order')} must not go to print")
    table(("order", "paid", "why", "next"), [_row(hold, datetime.now(UTC)) for hold in report.held])
    if report.untold:
        say(f"COULD NOT TELL: {report.untold}")


def _show_answer(order: str, answer: OrderAnswer) -> None:
    if answer.override is not None:
        given = answer.override
        say(f"Order {order} may go to print: {given.person} allows it until {moment(given.until)} ({given.reason}).")
    elif answer.ready:
        say(f"Order {order} may go to print: its artwork is there.")
    else:
        say(f"Order {order} must not go to print:")
    for problem in answer.problems:
        say(f"  {printable(problem.text)}" + (f": {printable(problem.key)}" if problem.key else ""))
        if not answer.ready:
            known = problem.kind not in (Kind.UNJUDGED, Kind.UNINSPECTED)
            say(f"  Next: {next_step(problem, order, answer.tenant) if known else last_resort(order)}")


def _row(hold: Hold, now: datetime) -> tuple[str, str, str, str]:
    paid = "at an unknown time" if hold.paid_at is None else _ago(hold.paid_at, now)
    return hold.order, paid, hold.reason, hold.action


def _ago(at: datetime, now: datetime) -> str:
    elapsed = (now - at).total_seconds()
    return f"{seconds(elapsed)} ago" if elapsed >= 0 else f"in {seconds(-elapsed)}, by the database"
