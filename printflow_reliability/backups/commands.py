"""`printflow backup ...`: take base backups, list them, verify every stored byte. `wal_commands` has the WAL."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

import typer

from printflow_reliability.backups.backup_list import BackupListing, list_backups
from printflow_reliability.backups.base_backup import BaseBackupReport, take_base_backups
from printflow_reliability.backups.integrity import IntegrityReport, verify_repositories
from printflow_reliability.backups.ledger.outcome import Reading
from printflow_reliability.backups.retention.command import expire_command
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.backups.undelete.command import undelete_command
from printflow_reliability.backups.wal_commands import wal_app
from printflow_reliability.backups.window.command import window_command
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, progress, say, table, user_name
from printflow_reliability.text import counted, printable, seconds, size

__all__ = ["backup_app", "wal_app"]

backup_app = typer.Typer(help="Base backups: take them, list them, verify every stored byte.", no_args_is_help=True)

backup_app.command("undelete")(undelete_command)

Cluster = Annotated[str | None, typer.Argument(metavar="CLUSTER", help="One cluster; all of them by default.")]


backup_app.command("expire")(expire_command)
backup_app.command("window")(window_command)


@backup_app.command("run")
def run(
    ctx: typer.Context,
    cluster: Cluster = None,
    repo: Annotated[
        int | None, typer.Option("--repo", metavar="N", help="One repository; all of the cluster's by default.")
    ] = None,
    backup_type: Annotated[Literal["full", "diff", "incr"], typer.Option("--type", help="What to copy.")] = "incr",
    by: Annotated[
        str | None, typer.Option("--by", metavar="PERSON", help="Who asks for it; default: the user who runs this.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the backup.")] = "",
    as_json: bool = JSON_OPTION,
) -> None:
    """Take a base backup now, into each repository. What an interrupted one of the same type has copied is used."""
    settings = invocation(ctx).settings()
    request = BackupRequest(_selected(cluster), repo, backup_type, by or user_name(), reason)
    with progress("base backups") as advance:
        report = take_base_backups(settings, request, advance=advance, tell=partial(say, err=True))
    not_done = [backup.verdict.outcome for backup in report.busy]
    conclude(settings, report, as_json=as_json, show=lambda: _show_taken(report), also=not_done)


@backup_app.command("list")
def list_(ctx: typer.Context, cluster: Cluster = None, as_json: bool = JSON_OPTION) -> None:
    """List the backups in every repository, and say whether the newest is recent enough."""
    settings = invocation(ctx).settings()
    listing = list_backups(settings, clusters=_selected(cluster))
    conclude(settings, listing, as_json=as_json, show=lambda: _show_listing(listing))


@backup_app.command("verify")
def verify(
    ctx: typer.Context,
    cluster: Cluster = None,
    everything: Annotated[bool, typer.Option("--all", help="Read every byte, also what was read before.")] = False,
    as_json: bool = JSON_OPTION,
) -> None:
    """Check stored bytes against their manifests: what is new, and of the rest what is due by backups.reread_days."""
    settings = invocation(ctx).settings()
    with progress("verifying repositories") as advance:
        report = verify_repositories(settings, clusters=_selected(cluster), everything=everything, advance=advance)
    conclude(settings, report, as_json=as_json, show=lambda: _show_integrity(report))


def _selected(cluster: str | None) -> tuple[str, ...] | None:
    return None if cluster is None else (cluster,)


def _show_taken(report: BaseBackupReport) -> None:
    rows = [
        (
            backup.cluster,
            f"repo{backup.repository}",
            backup.backup.label if backup.backup else "-",
            backup.backup.type if backup.backup else "-",
            seconds(backup.seconds),
            size(backup.backup.repository_bytes) if backup.backup else "-",
        )
        for backup in report.backups
    ]
    table(("cluster", "repository", "backup", "type", "took", "size"), rows)
    for backup in report.backups:
        if backup.backup and backup.backup.type != backup.asked_for:
            say(backup.verdict.sentence)
        if backup.resumed:
            say(f"{backup.where}: went on with the files of a backup that was interrupted")
        for name in backup.damaged_files:
            say(printable(f"    {backup.where}: {name} has pages with bad checksums"))
    for backup in report.busy:
        say(f"NOT TAKEN: {backup.verdict.sentence}")
    _say_verdict(report.checks[0])


def _show_listing(listing: BackupListing) -> None:
    rows = [
        (
            cluster.name,
            f"repo{backup.repository}",
            backup.label,
            backup.type,
            f"{backup.finished_at:%Y-%m-%d %H:%M:%S}",
            size(backup.repository_bytes),
            "former cluster"
            if backup.label in cluster.former
            else {True: "BAD PAGES", False: "sound", None: "unknown"}[backup.error],
        )
        for cluster in listing.clusters
        for backup in cluster.backups
    ]
    if rows:
        table(("cluster", "repository", "backup", "type", "finished (UTC)", "size", "state"), rows)
    _say_verdict(listing.checks[0])


def _show_integrity(report: IntegrityReport) -> None:
    for repository in report.repositories:
        word = {Outcome.PASS: "sound", Outcome.FAIL: "DAMAGED"}.get(repository.verdict.outcome, "UNKNOWN")
        files = counted(repository.files_checked, "file")
        say(f"{repository.cluster} repo{repository.repository}  {word}  {files} checked{_read(repository.reading)}")
        for finding in repository.findings:
            say(f"    {printable(f'{finding.key} {finding.detail}')}")
    _say_verdict(report.checks[0])
    if report.checks[1].outcome is not Outcome.PASS:
        _say_verdict(report.checks[1])


def _read(reading: Reading | None) -> str:
    if reading is None or reading.oldest is None:
        return ""
    age = seconds(max((datetime.now(UTC) - reading.oldest).total_seconds(), 0))
    return f", {size(reading.bytes_read)} read now; every byte was read within {age}"


def _say_verdict(check: CheckResult) -> None:
    word = {Outcome.PASS: "All is well", Outcome.UNKNOWN: "COULD NOT TELL"}.get(check.outcome, check.outcome.upper())
    say(f"{word}: {check.detail}")
