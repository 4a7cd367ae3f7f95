"""`printflow files`: reconcile references with the buckets, list orphans, check the catalog and the buckets."""

from collections.abc import Sequence
from pathlib import Path

import typer

from printflow_reliability.checks import CheckResult, Outcome, exit_code
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, finish, invocation, progress, say, table
from printflow_reliability.files import kinds
from printflow_reliability.files.catalog_command import catalog_command
from printflow_reliability.files.deletions_command import deletions_command
from printflow_reliability.files.erasure_command import app as erasure_app
from printflow_reliability.files.findings_commands import acknowledge_command, recheck_command, show_command
from printflow_reliability.files.heal_command import heal_command
from printflow_reliability.files.orphans import OrphanReport, known_orphans
from printflow_reliability.files.protect_command import protect_command
from printflow_reliability.files.quarantine.command import quarantine_command, release_command
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.findings import Finding
from printflow_reliability.text import counted, moment, printable, seconds, shell_word, size

SHOWN = 20
"""Findings that a person sees at once; the file and --json have more."""

app = typer.Typer(
    help="Print files and images: the databases' references compared with the buckets.", no_args_is_help=True
)


@app.command("reconcile")
def reconcile_command(
    ctx: typer.Context,
    tenant: list[str] | None = typer.Option(None, "--tenant", metavar="ID", help="Only this tenant; may be repeated."),
    bucket: list[str] | None = typer.Option(None, "--bucket", metavar="NAME", help="Only this bucket of the file."),
    findings: Path | None = typer.Option(None, "--findings", metavar="FILE", help="Write one finding a line there."),
    accept_empty: list[str] | None = typer.Option(
        None, "--accept-empty", metavar="REFERENCE", help="This query rightly returns nothing now; may be repeated."
    ),
    json: bool = JSON_OPTION,
) -> None:
    """Compare every reference of the databases with its bucket."""
    settings = invocation(ctx).settings()
    with progress("objects") as advance:
        report = reconcile(
            settings,
            tenants=tenant or None,
            buckets=bucket or None,
            findings_file=findings,
            advance=advance,
            accept_empty=accept_empty or (),
            publish=True,
        )
    conclude(settings, report, as_json=json, show=lambda: _show(report, findings))


app.command("heal")(heal_command)
app.command("quarantine")(quarantine_command)
app.command("release")(release_command)
app.command("show")(show_command)
app.command("acknowledge")(acknowledge_command)
app.command("recheck")(recheck_command)
app.command("catalog")(catalog_command)
app.command("protect")(protect_command)
app.command("deletions")(deletions_command)
app.add_typer(erasure_app, name="erasure")


@app.command("orphans")
def orphans_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """List the objects that nothing refers to, as the newest pass over all tenants found them."""
    settings = invocation(ctx).settings()
    report = known_orphans(settings)
    code = exit_code(check.outcome for check in report.checks)
    finish(report.as_json, as_json=json, show=lambda: _show_orphans(report), code=code)


def _show_orphans(report: OrphanReport) -> None:
    _show_checks(report.checks)
    _show_findings(report.findings)
    _show_tenants(report)
    if report.as_of is not None:
        say(f"As of {moment(report.as_of)}; look again: printflow files reconcile. Nothing was moved or deleted.")
    if report.findings:
        say("Next: printflow files quarantine plans what can be moved aside")


def _show_tenants(report: OrphanReport) -> None:
    rows = [
        (
            found["tenant"] or "-",
            f"{found['orphans']:,}",
            size(found["bytes"]),
            f"{found['superseded']:,}",
            size(found["superseded_bytes"]),
            "-" if found["yearly_cost"] is None else f"{found['yearly_cost']:,.2f}",
        )
        for found in report.by_tenant
    ]
    if rows:
        table(("tenant", "orphans", "bytes", "superseded", "bytes of these", "cost in a year"), rows)


def _show(report: ReconcileReport, findings: Path | None) -> None:
    compared = f"{counted(report.references, 'reference')} and {counted(report.objects, 'object')}"
    if not report.incomplete:
        say(f"{compared} compared in {seconds(report.seconds)}")
    _show_checks(report.checks)
    _show_findings(report.worst)
    for warning in report.warnings:
        say(f"note: {warning}")
    if any(report.states.values()):
        states = ", ".join(f"{count:,} {state}" for state, count in report.states.items())
        say(f"findings: {states}. See: printflow files show")
    if report.all_findings is not None and report.worst:
        say(f"All of them: {report.all_findings}, and as Parquet in {report.all_findings_parquet}")
    if report.findings_file is not None:
        count = sum(report.counts.values())
        say(f"{counted(count, 'finding') if count else 'No finding'}: {report.findings_file}")
    elif findings is not None:
        say("No findings file was written, as the pass did not go through to its end.")
    if report.incomplete:
        say(f"{compared} were compared before it ended." if report.references else "Nothing was compared.")
        say("Next: fix the problem above, then run: printflow files reconcile")
    elif worst := next(iter(report.worst), None):
        only = f" --tenant {shell_word(worst.tenant)}" if worst.tenant and worst.kind != kinds.ORPHAN else ""
        say(f"Next: resolve the first finding, then run: printflow files reconcile{only}")


def _show_checks(checks: Sequence[CheckResult]) -> None:
    """A line for each answer, worst first, with the checks that it is given to: one cause is told once."""
    word = {
        Outcome.FAIL: "FAILED",
        Outcome.UNKNOWN: "COULD NOT TELL",
        Outcome.WARN: "warning",
        Outcome.PASS: "ok",
    }
    named: dict[tuple[Outcome, str], list[str]] = {}
    for check in checks:
        named.setdefault((check.outcome, check.detail), []).append(check.check)
    for (outcome, detail), names in sorted(named.items(), key=lambda entry: list(word).index(entry[0][0])):
        say(f"{word[outcome]:<15}{', '.join(names)}: {detail}")


def _show_findings(findings: Sequence[Finding]) -> None:
    if not findings:
        return
    say()
    # Keys are long and meant to be copied, so that each finding has lines of its own instead of a row.
    for finding in findings[:SHOWN]:
        named = finding.reference or "-" if finding.key is None else finding.key or "(an empty key)"
        say(f"{finding.severity.upper():<9}{finding.kind.replace('_', ' ')}: {printable(named)}")
        say(f"{'':9}{printable(finding.detail)}.")
        say(f"{'':9}Next: {printable(finding.action[:1].lower() + finding.action[1:])}.")
    if len(findings) > SHOWN:
        say(f"... and {len(findings) - SHOWN:,} more. All of them: printflow files reconcile --findings FILE")
