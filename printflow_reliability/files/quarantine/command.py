"""`printflow files quarantine` and `printflow files release`: planned first, and done only when told to."""

from collections.abc import Sequence

import typer

from printflow_reliability.console import (
    APPLY_OPTION,
    JSON_OPTION,
    finish,
    invocation,
    person_named,
    progress,
    say,
    table,
)
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.quarantine.outcome import Deed, Outcome
from printflow_reliability.files.quarantine.plan import MOST, Request
from printflow_reliability.files.quarantine.report import QuarantineReport, ReleaseReport
from printflow_reliability.files.quarantine.run import Chosen, quarantine, release
from printflow_reliability.files.yearly_cost import yearly_cost
from printflow_reliability.text import agreed, counted, printable, size

SHOWN = 20
MOST_PER_SECOND = 10_000.0
BY = typer.Option(None, "--by", metavar="PERSON", help="Who does it; default: the user who runs this.")
PER_SECOND = typer.Option(
    50.0, "--per-second", min=0.1, max=MOST_PER_SECOND, help="Objects that are begun in a second."
)


def quarantine_command(
    ctx: typer.Context,
    tenant: list[str] | None = typer.Option(None, "--tenant", metavar="ID", help="Only this tenant; may be repeated."),
    most: int = typer.Option(MOST, "--most", min=1, help="Objects that are moved at most; the next run goes on."),
    per_second: float = PER_SECOND,
    by: str | None = BY,
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Move objects that nothing refers to into files.quarantine_bucket, from which each can be released.

    Each is copied and read back, noted in the records, and only then hidden by a delete marker: its version stays.
    Nothing younger than the oldest backup is moved, and nothing at all while a column, a query or a tenant is not
    covered.
    """
    settings = invocation(ctx).settings()
    request = Request(person_named(by), tenant or None, most, per_second)
    with progress("objects") as advance:
        report = quarantine(settings, request, apply=apply, advance=advance)
    finish(report.as_json, as_json=json, show=lambda: _show(report), code=report.exit_code)


def release_command(
    ctx: typer.Context,
    key: list[str] | None = typer.Argument(None, metavar="[KEY]...", help="Only these objects, by their exact keys."),
    tenant: list[str] | None = typer.Option(None, "--tenant", metavar="ID", help="Only this tenant; may be repeated."),
    bucket: str | None = typer.Option(None, "--bucket", metavar="NAME", help="Only objects of this bucket."),
    needed: bool = typer.Option(False, "--needed", help="Only what a row refers to, as after a restore."),
    from_place: bool = typer.Option(
        False,
        "--from-place",
        help="Also what lies in files.quarantine_bucket and the records know no more, as after a restore of these; "
        "with KEY or --needed.",
    ),
    per_second: float = PER_SECOND,
    by: str | None = BY,
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Bring objects back from quarantine: the delete marker is removed, or the copy is written back.

    Nothing that was written since is replaced, and what was erased on purpose stays away.
    """
    settings = invocation(ctx).settings()
    if not (key or tenant or needed):
        raise ConfigError("say what is to come back", "give a KEY, --tenant ID, or --needed: what rows refer to")
    chosen = Chosen(person_named(by), key or (), tenant or (), bucket, needed, per_second, from_place)
    with progress("objects") as advance:
        report = release(settings, chosen, apply=apply, advance=advance)
    finish(report.as_json, as_json=json, show=lambda: _show_release(report), code=report.exit_code)


def _show(report: QuarantineReport) -> None:
    plan = report.plan
    rows = [
        (tenant, str(reason), f"{files:,}", size(plan.bytes[tenant, reason]), _cost(plan.bytes[tenant, reason], report))
        for (tenant, reason), files in sorted(plan.files.items())
    ]
    if rows:
        table(("tenant", "reason", "files", "bytes", "cost in a year"), rows)
    for why, files in plan.left.items():
        oldest = (
            f" ({plan.oldest.sentence})" if plan.oldest is not None and why == "younger than the oldest backup" else ""
        )
        say(f"left there: {counted(files, 'orphan')}, {size(plan.left_bytes[why])}: {why}{oldest}")
    held = sum(files for files, _ in report.held.values())
    if held:
        say(f"in quarantine: {counted(held, 'object')}, {size(sum(each for _, each in report.held.values()))}")
    if report.outcome is None:
        if report.unfinished:
            say(f"{counted(report.unfinished, 'object')} of a run that broke off: --apply goes on with it")
        if not report.planned:
            say("OK: no orphan can be moved")
            return
        planned = f"{counted(report.planned, 'object')}, {size(plan.bytes.total())},"
        say(f"{planned} would be moved. Next: the same command with --apply")
        return
    _show_outcome(report.outcome)
    if not report.outcome.stopped:
        moved = report.outcome.deeds[Deed.DONE]
        say(f"{counted(moved, 'object')}, {size(report.outcome.bytes)}, {agreed(moved, 'is', 'are')} in quarantine now")


def _cost(count: int, report: QuarantineReport) -> str:
    cost = yearly_cost(count, report.price)
    return "-" if cost is None else f"{cost:,.2f}"


def _show_release(report: ReleaseReport) -> None:
    for row in report.rows[:SHOWN]:
        say(f"{row.bucket}: {printable(row.key)}")
        say(f"{'':8}{size(row.bytes)}, {row.sentence}")
    if len(report.rows) > SHOWN:
        say(f"... and {len(report.rows) - SHOWN:,} more; all of them: --json")
    if report.erased:
        say(
            f"{counted(report.erased, 'object')} {agreed(report.erased, 'was', 'were')} erased on purpose: not released"
        )
    if report.unread:
        say(f"COULD NOT TELL: what else rows need is not known: {printable(report.unread)}")
    if report.unreadable:
        say(f"COULD NOT TELL: {counted(report.unreadable, 'note')} beside copies could not be read: that may be more")
    if report.outcome is None:
        if not report.rows:
            if not (report.unread or report.unreadable):
                say("OK: nothing has to come back from quarantine")
            return
        said = f"{counted(len(report.rows), 'object')} would come back"
        say(f"{said}. Next: the same command with --apply")
        return
    _show_outcome(report.outcome)
    if not report.outcome.stopped:
        back = report.outcome.deeds[Deed.DONE] + report.outcome.deeds[Deed.THERE]
        say(f"{counted(back, 'object')} {agreed(back, 'is', 'are')} back, {report.outcome.left:,} not")


def _show_outcome(outcome: Outcome) -> None:
    some: Sequence[tuple[str, str, str]] = outcome.not_done
    for bucket, key, why in some[:SHOWN]:
        say(printable(f"not done: {bucket}: {key}: {why}"))
    if outcome.left > min(len(some), SHOWN):
        say(f"... and {outcome.left - min(len(some), SHOWN):,} more")
    if outcome.stopped:
        say(f"COULD NOT TELL: it broke off: {printable(outcome.stopped)}. Run the same command again: it goes on")
