"""`printflow tenant restore`: one tenant's rows as of a moment, planned first and written only when told to."""

from datetime import UTC, datetime

import typer

from printflow_reliability.checks import Outcome, exit_code
from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, finish, invocation, say, table
from printflow_reliability.recovery.tenant_restore import TenantRestore, restore_tenant
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.repositories import choose_repository
from printflow_reliability.restore.targets import parse_target
from printflow_reliability.text import agreed, counted, printable

app = typer.Typer(help="One tenant: its rows and files as of a moment.", no_args_is_help=True)


@app.callback()
def tenant() -> None:
    """One tenant: its rows and files as of a moment."""


@app.command("restore")
def restore_command(
    ctx: typer.Context,
    tenant: str = typer.Argument(metavar="TENANT", help="The tenant's id, a UUID."),
    to: str = typer.Option(
        ..., "--to", metavar="TIME", help="The moment, such as 2026-11-02T14:05:00Z: before the rows were lost."
    ),
    repo: int | None = typer.Option(
        None, "--repo", metavar="N", help="The repository to restore from; default: the first."
    ),
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

    def committed(cluster: str, rows: int) -> None:
        # At once: whatever ends the command from here on, this was seen.
        typer.echo(f"{datetime.now(UTC):%H:%M:%S}  committed: {counted(rows, 'row')} in cluster {cluster}", err=json)

    target = parse_target(to, datetime.now(UTC))
    repository = choose_repository(settings, repo)
    done = restore_tenant(settings, tenant, target, repository=repository, apply=apply, tell=tell, committed=committed)
    rows = Outcome.WARN if done.needs_person else Outcome.PASS
    code = exit_code([rows, *(file.outcome for file in done.files)])
    finish(done.as_json, as_json=json, show=lambda: _show(done), code=code)


def _show(done: TenantRestore) -> None:
    rows = [
        (
            table_plan.cluster,
            table_plan.table,
            str(table_plan.insert),
            str(table_plan.conflict),
            str(table_plan.unchanged),
        )
        for table_plan in done.plan
    ]
    table(("cluster", "table", "insert", "conflict", "unchanged"), rows)
    for table_plan in done.plan:
        if table_plan.conflict:
            some = f": {', '.join(table_plan.conflicts)}" if table_plan.conflicts else ""
            there = agreed(
                table_plan.conflict,
                "is there and differs; it stays as it is",
                "are there and differ; they stay as they are",
            )
            say(f"  {table_plan.table}: {counted(table_plan.conflict, 'row')} {there}{some}")
    for cluster, limit in done.limits:
        say(f"  {'NOTE' if limit.acknowledged else 'WARN'} {cluster}: {limit.sentence}")
    if done.shared:
        shared = counted(done.shared, "row")
        say(f"  NOTE {shared} belonged to this tenant and to others: neither compared nor written")
    for name in done.stale:
        say(f'  WARN `unrestorable` names "{name}", which is no table with rows of tenants. Next: remove the line')
    for problem in done.problems:
        say(f"  FAIL {problem.cluster}: {problem.table}: {problem.reason}")
    if done.healed:
        for action in done.healed.actions:
            say(printable(f"  file {action.deed}: {action.key}: {action.detail}"))
    for check in done.files:
        say(f"  {check.outcome.upper():<8} {check.check}: {check.detail}")
    for trouble in done.trouble:
        say(f"  WARN {trouble}")
    absent = sum(table_plan.insert for table_plan in done.plan)
    if done.written is not None:
        by_cluster = ", ".join(f"{rows} in {cluster}" for cluster, rows in done.committed.items())
        are = f"{agreed(done.written, 'is', 'are')} back as of {done.moment.isoformat()} ({by_cluster})"
        say(f"{counted(done.written, 'row')} of tenant {done.tenant} {are}")
    elif done.problems:
        say(f"Absent: {counted(absent, 'row')}. None would be written before production is corrected as said above")
    elif absent:
        again = f"printflow tenant restore {done.tenant} --to {done.moment.isoformat()} --apply"
        say(f"{counted(absent, 'row')} would be written. Next: {again}")
    else:
        say("Nothing is absent: production has every row of then")
