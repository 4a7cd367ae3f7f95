"""`printflow backup expire`: what expires and why, as a plan; with --apply it is carried out."""

from typing import Annotated

import typer

from printflow_reliability.backups.retention.expire import expire_backups
from printflow_reliability.backups.retention.report import ExpireReport, RepositoryRetention
from printflow_reliability.checks import Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, invocation, progress, say, table
from printflow_reliability.text import counted, moment

_WORDS = {Outcome.PASS: "OK", Outcome.WARN: "WARN", Outcome.FAIL: "FAIL", Outcome.UNKNOWN: "COULD NOT TELL"}


def expire_command(
    ctx: typer.Context,
    cluster: Annotated[
        str | None, typer.Argument(metavar="CLUSTER", help="One cluster; all of them by default.")
    ] = None,
    repo: Annotated[
        int | None, typer.Option("--repo", metavar="N", help="One repository; all of the cluster's by default.")
    ] = None,
    apply: bool = APPLY_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Expire base backups that no day, week or month of the policy needs, and WAL that is older than it keeps.

    Nothing expires that newer, verified backups do not replace, or that a kept backup builds upon.
    """
    settings = invocation(ctx).settings()
    with progress("retention") as advance:
        report = expire_backups(
            settings,
            clusters=None if cluster is None else (cluster,),
            repository=repo,
            apply=apply,
            advance=advance,
        )
    conclude(settings, report, as_json=as_json, show=lambda: _show(report), also=[report.outcome])


def _show(report: ExpireReport) -> None:
    rows = [
        (
            found.cluster,
            f"repo{found.repository}",
            decision.backup.label,
            f"{decision.backup.finished_at:%Y-%m-%d %H:%M:%S}",
            "keep" if decision.keep else "expired" if decision.backup.label in found.done else "EXPIRE",
            decision.reason,
        )
        for found in report.repositories
        for decision in found.retention.decisions
    ]
    if rows:
        table(("cluster", "repository", "backup", "finished (UTC)", "", "why"), rows)
    for found in report.repositories:
        _show_repository(found)
    if report.numbers["overdue_backups"]:
        say(f"{_WORDS[report.checks[0].outcome]}: {report.checks[0].detail}")
    expiring = sum(found.expiring for found in report.repositories)
    if not report.applied:
        say(f"Nothing was changed; {counted(expiring, 'backup')} would expire. Add --apply to do it.")


def _show_repository(found: RepositoryRetention) -> None:
    say(f"{_WORDS[found.outcome]}: {found.verdict.sentence}")
    if (wal_from := found.retention.wal_from) and found.wal_backups is not None:
        say(f"    WAL is kept from {wal_from.label} on, which ended {moment(wal_from.finished_at)}")
    for finding in found.findings:
        say(f"    {finding.detail}; {finding.action}")
