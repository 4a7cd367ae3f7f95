"""`printflow backup ...`: take base backups, list them, verify every stored byte. `wal_commands` has the WAL."""

from typing import Annotated, Literal

import typer

from printflow_reliability.backups.base_backup import BackupListing, BaseBackupReport, list_backups, take_base_backups
from printflow_reliability.backups.integrity import IntegrityReport, verify_repositories
from printflow_reliability.backups.wal_commands import wal_app
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, progress, say, table
from printflow_reliability.text import printable, seconds, size

__all__ = ["backup_app", "wal_app"]

backup_app = typer.Typer(help="Base backups: take them, list them, verify every stored byte.", no_args_is_help=True)

Cluster = Annotated[str | None, typer.Argument(metavar="CLUSTER", help="One cluster; all of them by default.")]


@backup_app.command("run")
def run(
    ctx: typer.Context,
    cluster: Cluster = None,
    backup_type: Annotated[Literal["full", "diff", "incr"], typer.Option("--type", help="What to copy.")] = "incr",
    as_json: bool = JSON_OPTION,
) -> None:
    """Take a base backup now, into each repository."""
    settings = invocation(ctx).settings()
    with progress("base backups") as advance:
        report = take_base_backups(settings, clusters=_one(cluster), backup_type=backup_type, advance=advance)
    conclude(settings, report, as_json=as_json, show=lambda: _show_taken(report))


@backup_app.command("list")
def list_(ctx: typer.Context, cluster: Cluster = None, as_json: bool = JSON_OPTION) -> None:
    """List the backups in every repository, and say whether the newest is recent enough."""
    settings = invocation(ctx).settings()
    listing = list_backups(settings, clusters=_one(cluster))
    conclude(settings, listing, as_json=as_json, show=lambda: _show_listing(listing))


@backup_app.command("verify")
def verify(ctx: typer.Context, cluster: Cluster = None, as_json: bool = JSON_OPTION) -> None:
    """Check every stored byte of the repositories against its manifest."""
    settings = invocation(ctx).settings()
    with progress("verifying repositories") as advance:
        report = verify_repositories(settings, clusters=_one(cluster), advance=advance)
    conclude(settings, report, as_json=as_json, show=lambda: _show_integrity(report))


def _one(cluster: str | None) -> tuple[str, ...] | None:
    return None if cluster is None else (cluster,)


def _show_taken(report: BaseBackupReport) -> None:
    rows = [
        (
            one.cluster,
            f"repo{one.repository}",
            one.backup.label if one.backup else "-",
            one.backup.type if one.backup else "-",
            seconds(one.seconds),
            size(one.backup.repository_bytes) if one.backup else "-",
        )
        for one in report.backups
    ]
    table(("cluster", "repository", "backup", "type", "took", "size"), rows)
    for one in report.backups:
        if one.backup and one.backup.type != one.asked_for:
            say(one.verdict.sentence)
    _conclude_in_words(report.checks[0])


def _show_listing(listing: BackupListing) -> None:
    rows = [
        (
            cluster.name,
            f"repo{one.repository}",
            one.label,
            one.type,
            f"{one.finished_at:%Y-%m-%d %H:%M:%S}",
            size(one.repository_bytes),
            "former cluster"
            if one.label in cluster.former
            else {True: "BAD PAGES", False: "sound", None: "unknown"}[one.error],
        )
        for cluster in listing.clusters
        for one in cluster.backups
    ]
    if rows:
        table(("cluster", "repository", "backup", "type", "finished (UTC)", "size", "state"), rows)
    _conclude_in_words(listing.checks[0])


def _show_integrity(report: IntegrityReport) -> None:
    for one in report.repositories:
        word = {Outcome.PASS: "sound", Outcome.FAIL: "DAMAGED"}.get(one.verdict.outcome, "UNKNOWN")
        say(f"{one.cluster} repo{one.repository}  {word}  {one.files_checked} files checked")
        for finding in one.findings:
            say(f"    {printable(f'{finding.key} {finding.detail}')}")
    _conclude_in_words(report.checks[0])


def _conclude_in_words(check: CheckResult) -> None:
    word = {Outcome.PASS: "All is well", Outcome.UNKNOWN: "COULD NOT TELL"}.get(check.outcome, check.outcome.upper())
    say(f"{word}: {check.detail}")
