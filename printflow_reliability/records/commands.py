"""`printflow records`: bring this system's own database to the version that the program needs."""

import typer

from printflow_reliability.console import invocation, say
from printflow_reliability.records.migration import migrate

app = typer.Typer(help="The records: this system's own database.", no_args_is_help=True)


@app.callback()
def records() -> None:
    """The records: this system's own database."""


@app.command("migrate")
def migrate_command(ctx: typer.Context) -> None:
    """Create or upgrade the tables; does nothing where they are current. Never drops anything."""
    migrate(invocation(ctx).settings().records)
    say("The records are at the version this program needs.")
