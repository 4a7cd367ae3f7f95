"""`printflow files erasure`: what was erased on purpose, which nothing may bring back."""

import typer

from printflow_reliability.console import JSON_OPTION, finish, invocation, person_named, say
from printflow_reliability.files.erasure import record_erasure, withdraw_erasure
from printflow_reliability.records.database import open_records
from printflow_reliability.records.erasures import Erasure, in_force
from printflow_reliability.text import counted, moment, printable

app = typer.Typer(help="Files that were erased on purpose: nothing brings them back.", no_args_is_help=True)
BY = typer.Option(None, "--by", metavar="PERSON", help="Who says so; default: the user who runs this.")


@app.command("record")
def record_command(
    ctx: typer.Context,
    key: str = typer.Argument(metavar="KEY", help="The object's key; one that ends in a slash is all below it."),
    reason: str = typer.Option(
        ..., "--reason", metavar="TEXT", help="Why, such as the number of the request; no name."
    ),
    tenant: str | None = typer.Option(
        None, "--tenant", metavar="ID", help="Whose file it was; default: under whose base path it lies."
    ),
    bucket: str | None = typer.Option(
        None, "--bucket", metavar="NAME", help="Its bucket; default: the only one that references point into."
    ),
    by: str | None = BY,
    json: bool = JSON_OPTION,
) -> None:
    """Record that a file was erased: no rollback, healing or restore brings it back. Nothing is erased by this."""
    settings = invocation(ctx).settings()
    made = record_erasure(settings, key, tenant=tenant, bucket=bucket, reason=reason, person=person_named(by))
    said = f"Erasure {made.id} is recorded: nothing brings {printable(made.key)} of bucket {made.bucket} back"
    finish(made.as_json, as_json=json, show=lambda: say(said), code=0)


@app.command("list")
def list_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """List the erasures that count."""
    with open_records(invocation(ctx).settings().records) as records:
        found = in_force(records).every
    document = {"erasures": [erasure.as_json() for erasure in found]}
    finish(lambda: document, as_json=json, show=lambda: _show(found), code=0)


@app.command("withdraw")
def withdraw_command(
    ctx: typer.Context,
    number: int = typer.Argument(metavar="ID", help="The erasure's number."),
    by: str | None = BY,
    json: bool = JSON_OPTION,
) -> None:
    """Have an erasure count no more, as it was recorded by mistake; who did it is kept."""
    withdrawn = withdraw_erasure(invocation(ctx).settings(), number, person=person_named(by))
    said = f"Erasure {withdrawn.id} counts no more: {printable(withdrawn.key)} may be brought back"
    finish(withdrawn.as_json, as_json=json, show=lambda: say(said), code=0)


def _show(found: tuple[Erasure, ...]) -> None:
    for each in found:
        say(f"{each.id:>6}  {each.bucket}: {printable(each.key)}  (tenant {each.tenant})")
        say(f"{'':8}{moment(each.recorded_at)}, {printable(each.person)}: {printable(each.reason)}")
    say(f"{counted(len(found), 'erasure')} {'is' if len(found) == 1 else 'are'} recorded")
