"""`printflow dump restore`: a dump into a database of choice, planned first and restored only when told to."""

from pathlib import Path
from typing import Annotated

import typer

from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, finish, invocation, say, table
from printflow_reliability.dumps.restore import NEWEST, DumpRestore, RestoreRequest, restore_dump
from printflow_reliability.dumps.restore_tenant import restore_tenant_rows
from printflow_reliability.dumps.store import required
from printflow_reliability.errors import ConfigError
from printflow_reliability.settings.arguments import with_database_url
from printflow_reliability.text import counted, moment, printable


def restore_command(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key of a dump, or latest.")] = NEWEST,
    *,
    into: Annotated[
        str,
        typer.Option(
            "--into",
            metavar="URL",
            help="The database: env:NAME or file:PATH with a connection string, or one without a password.",
        ),
    ],
    cluster: Annotated[str | None, typer.Option("--cluster", metavar="NAME", help="Of which the latest is.")] = None,
    database: Annotated[str | None, typer.Option("--database", metavar="NAME", help="Of which the latest is.")] = None,
    tables: Annotated[
        list[str] | None, typer.Option("--table", metavar="SCHEMA.TABLE", help="Only this table; can be repeated.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="TENANT", help="Only the rows of a tenant that are absent there.")
    ] = None,
    add: Annotated[bool, typer.Option("--into-non-empty", help="Restore although something is there already.")] = False,
    owners: Annotated[
        bool, typer.Option("--owners", help="Keep owners and privileges; the dump's roles must be there.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Go on after errors instead of undoing everything; lists them.")
    ] = False,
    identity: Annotated[
        Path | None,
        typer.Option("--identity", metavar="FILE", help="File with a secret key of age; default: dumps.identity_file."),
    ] = None,
    apply: bool = APPLY_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Restore a dump into a database of choice: whole, some tables, or the absent rows of one tenant.

    The dump is read, authenticated and decrypted whole first; then it is restored in one transaction.
    """
    if tenant is not None and tables:
        raise ConfigError("--tenant and --table do not go together", "leave one of them out")
    settings, url = with_database_url(invocation(ctx).settings(), "--into", into)
    if identity is not None:
        dumps = required(settings).model_copy(update={"identity_file": identity})
        settings = settings.model_copy(update={"dumps": dumps})
    request = RestoreRequest(url, key, cluster, database, tuple(tables or ()), tenant, add, owners, keep_going, apply)
    done = restore_dump(settings, request) if tenant is None else restore_tenant_rows(settings, tenant, request)
    finish(done.as_json, as_json=as_json, show=lambda: _show(done), code=1 if done.needs_person else 0)


def _show(done: DumpRestore) -> None:
    manifest = done.manifest
    say(printable(f"{manifest.cluster} {manifest.database}, taken {moment(manifest.taken_at)}: {manifest.key}"))
    if done.tenant_plan:
        rows = [(part.table, str(part.insert), str(part.conflict), str(part.unchanged)) for part in done.tenant_plan]
        table(("table", "insert", "conflict", "unchanged"), rows)
    else:
        table(("table", "rows"), [(name, f"{rows:,}") for name, rows in done.plan.items()])
    for note in done.notes:
        say(printable(f"  NOTE {note}"))
    for obstacle in done.obstacles:
        say(printable(f"  FAIL {obstacle}"))
    for left_out in done.left_out:
        say(printable(f"  FAIL {left_out}"))
    rows_there = counted(sum(done.plan.values()), "row")
    into = f'database "{printable(done.target.database)}"'
    if done.restored is not None:
        say(f"{'Restored, but not all of it' if done.left_out else 'OK'}: {counted(done.restored, 'row')} in {into}")
    elif done.obstacles:
        say(f"{rows_there} cannot be restored into {into} before that is corrected")
    else:
        say(f"{rows_there} would be restored into {into}. Next: the same command with --apply")
