"""`printflow files erasure`: what was erased on purpose, which nothing may bring back."""

from collections.abc import Sequence

import typer

from printflow_reliability.console import JSON_OPTION, finish, invocation, person_named, say
from printflow_reliability.files.erased_copies import ErasedCopy, erased_copies
from printflow_reliability.files.erasure import record_erasure, withdraw_erasure
from printflow_reliability.records.database import open_records
from printflow_reliability.records.erasures import Erasure, in_force
from printflow_reliability.settings import Settings
from printflow_reliability.text import agreed, counted, moment, printable

app = typer.Typer(help="Files that were erased on purpose: nothing brings them back.", no_args_is_help=True)
SHOWN = 20
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
    """Record that a file was erased: no rollback, healing or restore brings it back. Nothing is erased by this.

    A copy of it in quarantine is named with the command that deletes it, and the exit code is 1.
    """
    settings = invocation(ctx).settings()
    made = record_erasure(settings, key, tenant=tenant, bucket=bucket, reason=reason, person=person_named(by))
    copies = _copies(settings, made.id)
    said = f"Erasure {made.id} is recorded: nothing brings {printable(made.key)} of bucket {made.bucket} back"

    def show() -> None:
        say(said)
        _show_copies(copies)

    document = {**made.as_json(), "copies": [copy.as_json() for copy in copies]}
    finish(lambda: document, as_json=json, show=show, code=_code(copies))


@app.command("list")
def list_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """List the erasures that count, and the copies in quarantine that are still there of what was erased."""
    settings = invocation(ctx).settings()
    with open_records(settings.records) as records:
        found = in_force(records).every
    copies = _copies(settings)
    document = {
        "erasures": [erasure.as_json() for erasure in found],
        "copies": [copy.as_json() for copy in copies],
    }
    finish(lambda: document, as_json=json, show=lambda: _show(found, copies), code=_code(copies))


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


def _copies(settings: Settings, erasure: int | None = None) -> Sequence[ErasedCopy]:
    with open_records(settings.records) as records:
        return erased_copies(settings, records, erasure)


def _code(copies: Sequence[ErasedCopy]) -> int:
    """A copy that is there needs a person; of others it could not be told."""
    if any(copy.unknown for copy in copies):
        return 2
    return 1 if copies else 0


def _show(found: tuple[Erasure, ...], copies: Sequence[ErasedCopy]) -> None:
    for each in found:
        say(f"{each.id:>6}  {each.bucket}: {printable(each.key)}  (tenant {each.tenant})")
        say(f"{'':8}{moment(each.recorded_at)}, {printable(each.person)}: {printable(each.reason)}")
        _show_copies([copy for copy in copies if copy.erasure == each.id])
    say(f"{counted(len(found), 'erasure')} {agreed(len(found), 'is', 'are')} recorded")


def _show_copies(copies: Sequence[ErasedCopy]) -> None:
    for copy in copies[:SHOWN]:
        verdict = "COULD NOT TELL" if copy.unknown else "WARN"
        say(f"{'':8}{verdict}: {printable(copy.key)}: {printable(copy.sentence)}")
    if len(copies) > SHOWN:
        say(f"{'':8}... and {len(copies) - SHOWN:,} more; all of them: --json")
