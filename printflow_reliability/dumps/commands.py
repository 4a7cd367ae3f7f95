"""`printflow dump ...`: take encrypted logical dumps, list, verify, restore and expire them."""

from functools import partial
from typing import Annotated

import typer

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, invocation, progress, say, table
from printflow_reliability.dumps.expire import expire_dumps
from printflow_reliability.dumps.report import DumpReport
from printflow_reliability.dumps.restore_command import restore_command
from printflow_reliability.dumps.run import list_dumps, take_dumps
from printflow_reliability.dumps.verify import VerificationReport, verify_dumps
from printflow_reliability.locked_objects.expiry import ExpiryReport
from printflow_reliability.text import counted, moment, printable, seconds, size

app = typer.Typer(
    help="Logical dumps: encrypted copies of each database that nobody can delete before their time.",
    no_args_is_help=True,
)

Cluster = Annotated[str | None, typer.Argument(metavar="CLUSTER", help="One cluster; all of them by default.")]
Database = Annotated[str | None, typer.Option("--database", metavar="NAME", help="One database; all by default.")]


@app.command("run")
def run(ctx: typer.Context, cluster: Cluster = None, database: Database = None, as_json: bool = JSON_OPTION) -> None:
    """Dump databases now, encrypted, into the bucket of dumps."""
    settings = invocation(ctx).settings()
    with progress("dumps") as advance:
        report = take_dumps(
            settings, clusters=_selected(cluster), database=database, advance=advance, tell=partial(say, err=True)
        )
    conclude(settings, report, as_json=as_json, show=lambda: _show_taken(report))


@app.command("list")
def list_(ctx: typer.Context, cluster: Cluster = None, as_json: bool = JSON_OPTION) -> None:
    """List the dumps in the bucket, and say whether each database has a recent one that is locked."""
    settings = invocation(ctx).settings()
    report = list_dumps(settings, clusters=_selected(cluster))
    conclude(settings, report, as_json=as_json, show=lambda: _show_listing(report))


@app.command("verify")
def verify(
    ctx: typer.Context,
    cluster: Cluster = None,
    database: Database = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="One dump, of any age.")] = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="Also restore each into a throwaway cluster, and count there.")
    ] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """Read the newest dump of each database whole, and compare it with what the database held.

    This needs dumps.identity_file, which belongs on another machine than the one that makes dumps.
    """
    settings = invocation(ctx).settings()
    with progress("verifying dumps") as advance:
        report = verify_dumps(
            settings, clusters=_selected(cluster), database=database, key=key, restore=restore, advance=advance
        )
    conclude(settings, report, as_json=as_json, show=lambda: _show_verified(report))


app.command("restore")(restore_command)


@app.command("expire")
def expire(ctx: typer.Context, apply: bool = APPLY_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Delete the dumps whose locks have ended; the newest of each database stays."""
    settings = invocation(ctx).settings()
    report = expire_dumps(settings, apply=apply)
    conclude(settings, report, as_json=as_json, show=lambda: show_expiry(report, "dump", report.checks[0]))


def _selected(cluster: str | None) -> tuple[str, ...] | None:
    return None if cluster is None else (cluster,)


def _show_taken(report: DumpReport) -> None:
    rows = [
        (
            dump.cluster,
            dump.database,
            dump.retention,
            counted(dump.content.rows, "row"),
            size(dump.bytes),
            seconds(dump.seconds),
            f"{dump.locked_until:%Y-%m-%d %H:%M:%S}",
            dump.key,
        )
        for dump in report.dumps
    ]
    if rows:
        table(("cluster", "database", "class", "rows", "size", "took", "locked until (UTC)", "key"), rows)
    _say_verdict(report.checks[0])


def _show_listing(report: DumpReport) -> None:
    rows = []
    for dump in report.dumps:
        verified = report.verified.get(dump.key)
        rows.append(
            (
                dump.cluster,
                dump.database,
                moment(dump.taken_at),
                dump.retention,
                size(dump.bytes),
                f"{dump.locked_until:%Y-%m-%d %H:%M:%S}",
                moment(verified) if verified else "never",
                report.states[dump.key],
                dump.key,
            )
        )
    if rows:
        columns = ("cluster", "database", "taken", "class", "size", "locked until (UTC)", "verified", "state", "key")
        table(columns, rows)
    if report.incomplete:
        say(f"{counted(len(report.incomplete), 'object')} of interrupted uploads: no dumps. See: printflow dump expire")
    for why in report.unreadable:
        say(f"  WARN the manifest {why}")
    _say_verdict(report.checks[0])


def _show_verified(report: VerificationReport) -> None:
    for dump in report.dumps:
        word = {Outcome.PASS: "good", Outcome.FAIL: "DAMAGED", Outcome.WARN: "WARN"}.get(dump.outcome, "UNKNOWN")
        say(printable(f"{dump.manifest.cluster} {dump.manifest.database}  {word}  {dump.detail}"))
    _say_verdict(report.checks[0])


def show_expiry(report: ExpiryReport, noun: str, verdict: CheckResult | None = None) -> None:
    """The plan of an expiry, and what of it was done; `noun` is the command's, `verdict` what a check makes of it."""
    words = {True: "deleted", False: "REFUSED"}
    rows = [
        (
            words[expiry.deleted] if expiry.deleted is not None else "delete" if expiry.versions else "keep",
            expiry.of or "-",
            size(expiry.bytes),
            expiry.reason,
            expiry.key,
        )
        for expiry in report.plan
    ]
    if rows:
        table(("action", report.owner, "size", "why", "key"), rows)
    document = report.as_json()
    if verdict is not None and verdict.outcome is not Outcome.PASS:
        _say_verdict(verdict)
    elif report.refused:
        refused = counted(len(report.refused), "copy", "copies")
        say(f"WARN: {refused} could not be deleted: the bucket keeps what is locked")
    elif report.applied:
        say(f"OK: {counted(document['done'], 'copy', 'copies')} deleted, {size(document['bytes'])}")
    elif any(expiry.versions for expiry in report.plan):
        say(f"{size(document['bytes'])} would be deleted. Next: printflow {noun} expire --apply")
    else:
        say("OK: nothing is to be deleted")


def _say_verdict(check: CheckResult) -> None:
    word = {Outcome.PASS: "OK", Outcome.UNKNOWN: "COULD NOT TELL"}.get(check.outcome, check.outcome.upper())
    say(f"{word}: {check.detail}")
