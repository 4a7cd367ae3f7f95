"""`printflow checkout`: a customer's path, tried for real in the synthetic tenant's shop."""

import typer

from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checkout.report import CheckoutReport
from printflow_reliability.checkout.run import run_checkout
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, say, table
from printflow_reliability.text import seconds


def checkout_command(ctx: typer.Context, as_json: bool = JSON_OPTION) -> None:
    """Order in the synthetic tenant's shop with a browser: pay in test mode, check the download, cancel the order.

    Nothing is paid unless test mode is proven, the guard never lets such an order go to print, and the platform's own
    cancel ends it. A browser that is dead is COULD NOT TELL.
    """
    settings = invocation(ctx).settings()
    report = run_checkout(settings)
    conclude(settings, report, as_json=as_json, show=lambda: _show(report))


def _show(report: CheckoutReport) -> None:
    for check in report.checks:
        say(f"{OUTCOME_WORDS[check.outcome]}: {check.detail}")
    rows = [
        (row.step, row.outcome, "-" if row.seconds is None else seconds(row.seconds), row.screenshot or "-")
        for row in report.steps
    ]
    table(("step", "outcome", "took", "screenshot"), rows)
    for row in report.steps:
        for kind, said in (("threw", row.exceptions), ("console", row.console_errors)):
            for text in said:
                say(f"{row.step}, JavaScript {kind}: {text}")
    for note in report.notes:
        say(f"note: {note}")
