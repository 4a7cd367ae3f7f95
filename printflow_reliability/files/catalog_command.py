"""`printflow files catalog`: columns that no query covers, then what could not be looked into."""

from collections.abc import Sequence

import typer

from printflow_reliability.console import JSON_OPTION, finish, invocation, progress, say, table
from printflow_reliability.files.catalog_check import check_catalog
from printflow_reliability.files.catalog_report import CatalogReport, Uncovered, Unread
from printflow_reliability.text import counted, printable

SHOWN = 20


def catalog_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Check the reference queries, and look for columns with object paths that none of them covers."""
    settings = invocation(ctx).settings()
    with progress("columns") as advance:
        report = check_catalog(settings, advance=advance)
    finish(report.as_json, as_json=json, show=lambda: show_catalog(report), code=report.exit_code)


def show_catalog(report: CatalogReport) -> None:
    """The queries, the columns beside them, and the verdict with the next step."""
    table(
        ("reference", "cluster", "kind", "buckets", "columns"),
        [
            (
                reference.name,
                reference.cluster,
                reference.kind,
                ", ".join(reference.buckets),
                ", ".join(reference.columns),
            )
            for reference in report.references
        ],
    )
    for column in report.uncovered:
        _show(column)
    for column in report.covered_elsewhere:
        say(f"note: no query reads {_name(column)}; its objects are covered as long as other tables name them, too")
    reasons: dict[str, list[Unread]] = {}
    for unread in report.unread:
        reasons.setdefault(unread.reason, []).append(unread)
    for reason, places in reasons.items():
        say(f"not looked into: {_listed(places)}: {printable(reason)}")
    if report.uncovered:
        say(f"FAIL: {counted(len(report.uncovered), 'column')} with object paths {_verb(report)} not covered.")
        say("Their files look like orphans. Add a [[reference]] to printflow.toml for each column that names files in")
        say("use, then run: printflow files catalog")
    elif report.unread:
        say("COULD NOT TELL: what is named above could not be looked into; every other column is covered.")
        say("Next: remove the cause, such as a missing SELECT privilege, then run: printflow files catalog")
    else:
        say(f"OK: every query is valid, and all object paths in {counted(report.columns, 'column')} are covered.")


def _show(column: Uncovered) -> None:
    which = "covered for a part of its rows" if column.covered else "not covered"
    say(f"{which}: {_name(column)}")
    say(f"    example  {printable(column.example)}")
    if column.key is None:
        say("    object   none; the value looks like the path of a tenant's file")
    elif column.key != column.example:
        say(f'    object   {printable(column.key)} in bucket "{column.bucket}"')
    if column.covered:
        whole = column.covered + column.not_covered
        say(f"    covered  {column.covered:,} of {counted(whole, 'object')}; does a query leave rows out?")


def _name(column: Uncovered) -> str:
    return printable(f"{column.database}: {column.table}, column {column.column}")


def _listed(places: Sequence[Unread]) -> str:
    names = [
        f'bucket "{place.bucket}"'
        if place.bucket
        else printable(
            f"{place.database}: {place.table}.{place.column}" if place.table else f'database "{place.database}"'
        )
        for place in places
    ]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _verb(report: CatalogReport) -> str:
    return "is" if len(report.uncovered) == 1 else "are"
