"""`printflow files rollback`: the buckets as they were at a moment, planned first and written only when told to."""

from collections.abc import Sequence

import typer

from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, finish, invocation, progress, say, table
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.rollback.carry_out import Outcome
from printflow_reliability.files.rollback.since import Fate
from printflow_reliability.files.rollback.write import Deed
from printflow_reliability.moments import parse_moment
from printflow_reliability.recovery.rollback import Request, roll_back, undo
from printflow_reliability.recovery.rollback_report import RollbackReport, UndoReport
from printflow_reliability.text import agreed, counted, moment, printable, size

SHOWN = 20
MOST_PER_SECOND = 10_000.0


def rollback_command(
    ctx: typer.Context,
    to: str | None = typer.Option(None, "--to", metavar="TIME", help="The moment, such as 2026-11-02T14:05:00Z."),
    tenant: str | None = typer.Option(None, "--tenant", metavar="ID", help="Only what lies below its base path."),
    undo_number: int | None = typer.Option(
        None, "--undo", metavar="ID", help="Instead: undo the rollback of that number."
    ),
    database_stays: str | None = typer.Option(
        None, "--database-stays", metavar="REASON", help="With --apply: why the database is at another moment."
    ),
    per_second: float = typer.Option(
        50.0, "--per-second", min=0.1, max=MOST_PER_SECOND, help="Objects that are begun in a second."
    ),
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Bring every object back to the version that was current at a moment.

    What is current now stays as a version; what did not exist then is left alone. With --apply the database must stand
    at that moment, and paid orders whose artwork becomes older are held first.
    """
    if (to is None) == (undo_number is None):
        raise ConfigError("give either --to TIME or --undo ID", "printflow files rollback --to TIME")
    settings = invocation(ctx).settings()
    with progress("objects") as advance:
        if undo_number is not None:
            undone = undo(settings, undo_number, apply=apply, per_second=per_second, advance=advance)
        else:
            request = Request(parse_moment(to or ""), tenant, apply, database_stays, per_second)
            report = roll_back(settings, request, advance)
    if undo_number is not None:
        finish(undone.as_json, as_json=json, show=lambda: _show_undo(undone), code=undone.exit_code)
    finish(report.as_json, as_json=json, show=lambda: _show(report), code=report.exit_code)


def _show(report: RollbackReport) -> None:
    rows = [
        (tenant or "-", str(fate), f"{files:,}", size(report.plan.bytes[tenant, fate]))
        for (tenant, fate), files in sorted(report.plan.files.items(), key=lambda found: str(found))
    ]
    table(("tenant", "since then", "files", "bytes"), rows)
    left_alone = report.plan.left_alone
    say(f"{counted(left_alone[Fate.UNCHANGED], 'object')} unchanged, {left_alone[Fate.NEWER]:,} newer and left alone")
    _show_refused("cannot come back", report.plan.impossible, report.plan.impossible_count)
    _show_refused("erased", report.plan.erased, report.plan.erased_count)
    planned = f"{counted(report.planned, 'object')}, {size(report.bytes)},"
    if report.outcome is None:
        if not report.planned:
            say(f"OK: every object that was there at {moment(report.moment)} is as it was")
            return
        say(f"{planned} would be copied back to {moment(report.moment)}. Next: the same command with --apply")
        return
    _show_outcome(report.outcome)
    if report.held:
        are = agreed(len(report.held), "is", "are")
        say(f"{counted(len(report.held), 'paid order')} {are} held, as the artwork is older now: printflow orders held")
    if report.left:
        say(f"FAIL: {counted(report.left, 'object')} {agreed(report.left, 'is', 'are')} still not as then")
    elif not report.outcome.stopped:
        say(f"OK: {counted(report.outcome.deeds[Deed.DONE], 'object')} as at {moment(report.moment)}")
    say(f"To undo it: printflow files rollback --undo {report.number} --apply")


def _show_undo(report: UndoReport) -> None:
    if report.outcome is None:
        say(
            f"Rollback {report.number} planned {counted(report.planned, 'object')}. Next: "
            f"printflow files rollback --undo {report.number} --apply"
        )
        return
    _show_outcome(report.outcome)
    say(f"{counted(report.outcome.deeds[Deed.DONE], 'object')} of rollback {report.number} undone")


def _show_outcome(outcome: Outcome) -> None:
    failed = outcome.deeds[Deed.FAILED] + outcome.deeds[Deed.MEANWHILE] + outcome.deeds[Deed.ERASED]
    _show_refused("not done", outcome.not_done, failed)
    if outcome.stopped:
        say(f"COULD NOT TELL: it broke off: {printable(outcome.stopped)}. Run the same command again: it goes on")


def _show_refused(what: str, some: Sequence[tuple[str, str, str]], count: int) -> None:
    for bucket, key, why in some[:SHOWN]:
        say(printable(f"{what}: {bucket}: {key}: {why}"))
    if count > min(len(some), SHOWN):
        say(f"... and {count - min(len(some), SHOWN):,} more")
