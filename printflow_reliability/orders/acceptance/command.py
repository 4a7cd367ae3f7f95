"""`printflow pdf accept`: inspect a print file and mark it complete for its order, once."""

import typer

from printflow_reliability.console import JSON_OPTION, finish, invocation, say
from printflow_reliability.errors import ConfigError
from printflow_reliability.orders.acceptance.accept import Acceptance, accept_file
from printflow_reliability.orders.problems import check_command
from printflow_reliability.storage.address import bucket_and_key
from printflow_reliability.text import moment, printable


def accept_command(
    ctx: typer.Context,
    order: str = typer.Argument(help="The order."),
    version: str = typer.Argument(help="The version of its file, as the platform counts them."),
    file: str = typer.Argument(metavar="s3://BUCKET/KEY", help="BUCKET as printflow.toml names it."),
    tenant: str | None = typer.Option(
        None, "--tenant", metavar="ID", help="Refuse an order that is not this tenant's."
    ),
    json: bool = JSON_OPTION,
) -> None:
    """Accept a print file for a paid order: it is inspected, and completes that version of the order once.

    Whatever is retried or runs at the same time, the first file counts, and a second one is answered with the first
    one's key. Exit code 0 accepted, 1 not accepted and why, 2 could not tell.
    """
    settings = invocation(ctx).settings()
    bucket, key = bucket_and_key(file)
    if bucket != settings.orders.bucket:
        raise ConfigError(
            f'{file}: print-ready files of orders lie in the bucket "{settings.orders.bucket}"',
            f"s3://{settings.orders.bucket}/KEY, or another orders.bucket in printflow.toml",
        )
    answer = accept_file(settings, order, version, key, tenant=tenant)
    finish(answer.as_json, as_json=json, show=lambda: _show(answer), code=0 if answer.accepted else 1)


def _show(answer: Acceptance) -> None:
    what = f"version {printable(answer.version)} of order {printable(answer.order)}"
    if not answer.accepted:
        say(f"FAIL: {printable(answer.key)} is not accepted for {what}: {answer.verdict}: {printable(answer.reason)}")
        say(
            f"Next: generate the file again and have that accepted; what holds the order: {check_command(answer.order)}"
        )
        return
    at = "" if answer.accepted_at is None else f", accepted at {moment(answer.accepted_at)}"
    say(f"OK: {what} has its file: {printable(answer.key)} ({answer.verdict}{at})")
    if answer.reason:
        say(f"It took the place of another: {printable(answer.reason)}.")
