"""`printflow files heal`: bring missing objects back, planned first and written only when told to."""

import typer

from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, invocation, print_json, printable, progress, say
from printflow_reliability.files.heal import Deed, HealReport, heal

SHOWN = 20
WORDS = {
    Deed.FAILED: "FAILED",
    Deed.UNHEALABLE: "LOST",
    Deed.PLANNED: "would be healed",
    Deed.HEALED: "healed",
    Deed.THERE: "there",
}


def heal_command(
    ctx: typer.Context,
    tenant: list[str] | None = typer.Option(None, "--tenant", metavar="ID", help="Only this tenant; may be repeated."),
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Bring missing objects back from prior versions or from the replica.

    Only keys that have no object now are written, each is read back, and what was written is recorded.
    """
    settings = invocation(ctx).settings()
    with progress("objects") as advance:
        report = heal(settings, tenants=tenant or None, apply=apply, advance=advance)
    if json:
        print_json(report.as_json())
    else:
        _show(report, tenant or ())
    raise typer.Exit(report.exit_code)


def _show(report: HealReport, tenants: list[str] | tuple[()]) -> None:
    for one in report.actions[:SHOWN]:
        say(f"{WORDS[one.deed]:<16}{printable(one.key)}")
        say(f"{'':16}{printable(one.owner or 'nobody')}: {printable(one.detail)}")
    if len(report.actions) > SHOWN:
        say(f"... and {len(report.actions) - SHOWN:,} more; all of them: printflow files heal --json")
    only = "".join(f" --tenant {one}" for one in tenants)
    if not report.actions:
        say("No object is missing that anything refers to.")
    elif not report.applied:
        planned = report.count(Deed.PLANNED)
        say(f"{planned} objects can be brought back, {report.count(Deed.UNHEALABLE)} cannot.")
        if planned:
            say(f"Next: printflow files heal{only} --apply")
    else:
        left = report.count(Deed.FAILED, Deed.UNHEALABLE)
        say(f"{report.count(Deed.HEALED, Deed.THERE)} objects are back, {left} are not.")
        if left:
            say(f"Next: mend what is named above, then again: printflow files heal{only} --apply")
