"""`printflow orders`: which paid orders must not go to print, and the guard's answer for one."""

from datetime import UTC, datetime

import typer

from printflow_reliability import console
from printflow_reliability.alerts.conclude import conclude
from printflow_reliability.checks import exit_code
from printflow_reliability.console import JSON_OPTION, invocation, print_json, printable, say, table
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.orders.guard import check_order, judge_paid_orders

app = typer.Typer(help="Paid orders that must not go to print.", no_args_is_help=True)


@app.command("held")
def held_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Judge every paid order now, and list those that must not go to print."""
    settings = invocation(ctx).settings()
    report = judge_paid_orders(settings)
    conclude(settings, report.checks, alert=False)
    code = exit_code(check.outcome for check in report.checks)
    if code == 2:
        raise CouldNotTell(report.checks[0].detail, "no order was released; try again when it answers")
    if json:
        print_json(report.as_json())
    elif not report.held:
        say(f"No order is held: {report.checks[0].detail}.")
    else:
        count = len(report.held)
        say(f"{count} paid {'order' if count == 1 else 'orders'} must not go to print")
        now = datetime.now(UTC)
        rows = [
            (
                f"order {hold.order}",
                f"paid {console.seconds((now - hold.paid_at).total_seconds())} ago",
                hold.reason,
                f"printflow orders check {hold.order}",
            )
            for hold in report.held
        ]
        table(("", "", "", ""), rows)
    raise typer.Exit(code)


@app.command("check")
def check_command(ctx: typer.Context, order: str = typer.Argument(help="The order."), json: bool = JSON_OPTION) -> None:
    """Say whether one paid order may go to print: exit code 0 ready, 1 not, 2 could not tell."""
    answer = check_order(invocation(ctx).settings(), order)
    if json:
        print_json(answer.as_json())
    elif answer.ready:
        say(f"Order {order} may go to print: its artwork is there.")
    else:
        say(f"Order {order} must not go to print:")
        for key, problem in answer.problems:
            say(f"  {problem}" + (f": {printable(key)}" if key else ""))
    raise typer.Exit(0 if answer.ready else 1)
