"""`printflow tenant restore`: one tenant's rows as of a moment, planned first and written only when told to."""

from datetime import UTC, datetime

import typer

from printflow_reliability.checks import Outcome, exit_code
from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, invocation, print_json, printable, say, table
from printflow_reliability.drills.phases import Phase
from printflow_reliability.drills.repositories import choose_repository
from printflow_reliability.drills.targets import parse_target
from printflow_reliability.recovery.tenant_restore import TenantRestore, restore_tenant

app = typer.Typer(help="One tenant: its rows and files as of a moment.", no_args_is_help=True)


@app.callback()
def tenant() -> None:
    """One tenant: its rows and files as of a moment."""


@app.command("restore")
def restore_command(
    ctx: typer.Context,
    tenant: str = typer.Argument(help="The tenant's id, a UUID."),
    to: str = typer.Option(..., "--to", help="The moment, such as 2026-11-02T14:05:00Z: before the rows were lost."),
    repo: int | None = typer.Option(None, "--repo", help="The repository to restore from; default: the first."),
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Bring back the rows of one tenant that production has lost since a moment.

    Only rows that are absent are written, all in one transaction. Rows that differ are listed and stay as they are.
    """
    settings = invocation(ctx).settings()

    def tell(phase: Phase, what: str) -> None:
        if not json:
            say(f"{datetime.now(UTC):%H:%M:%S}  {phase.replace('_', ' ')}: {what}")

    target = parse_target(to, datetime.now(UTC))
    repository = choose_repository(settings, repo)
    done = restore_tenant(settings, tenant, target, repository=repository, apply=apply, tell=tell)
    if json:
        print_json(done.as_json())
    else:
        _show(done)
    conflicts = Outcome.WARN if done.conflicts else Outcome.PASS
    raise typer.Exit(exit_code([conflicts, *(one.outcome for one in done.files)]))


def _show(done: TenantRestore) -> None:
    rows = [(one.cluster, one.table, str(one.insert), str(one.conflict), str(one.unchanged)) for one in done.plan]
    table(("cluster", "table", "insert", "conflict", "unchanged"), rows)
    for one in done.plan:
        if one.conflicts:
            say(f"  {one.table}: there and different, left alone: {', '.join(one.conflicts)}")
    if done.healed:
        for action in done.healed.actions:
            say(f"  file {action.deed}: {printable(action.key)}: {printable(action.detail)}")
    for check in done.files:
        say(f"  {check.outcome.upper():<8} {check.check}: {check.detail}")
    absent = sum(one.insert for one in done.plan)
    if done.written is not None:
        say(f"{done.written} rows of tenant {done.tenant} are back as of {done.moment.isoformat()}")
    elif absent:
        say(f"{absent} rows would be written. Next: the same with --apply")
    else:
        say("Nothing is absent: production has every row of then")
