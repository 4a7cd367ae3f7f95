"""`printflow orders repair`: bring a paid order's artwork back, planned first and changed only when told to."""

from pathlib import Path

import typer

from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, finish, invocation, person_named, say
from printflow_reliability.orders.problems import by_hand, repair_command
from printflow_reliability.orders.repair.plan import Choice, Status, Step
from printflow_reliability.orders.repair.repair import RepairReport, repair
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.text import moment, printable, shell_word

WORDS = {
    Status.PLANNED: "would be done",
    Status.DONE: "done",
    Status.FAILED: "FAILED",
    Status.NEEDS_PERSON: "NEEDS A PERSON",
}
WIDTH = max(map(len, WORDS.values())) + 2


def repair_order(
    ctx: typer.Context,
    order: str = typer.Argument(help="The order."),
    item: str | None = typer.Option(None, "--item", metavar="ID", help="Only this item, by the column item."),
    key: str | None = typer.Option(None, "--key", metavar="KEY", help="Link this file of the bucket, chosen by you."),
    file: Path | None = typer.Option(None, "--file", metavar="PATH", help="Store and link this PDF, given by you."),
    regenerate: bool = typer.Option(False, "--regenerate", help="Have the pdf-service make the file again."),
    ask: bool = typer.Option(False, "--ask", help="Have the platform ask the customer for the artwork."),
    by: str | None = typer.Option(None, "--by", metavar="NAME", help="Who does it; default: the user who runs this."),
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Bring a paid order's artwork back: relink, heal or regenerate it.

    A file is taken from prior versions, from the replica or from the item's own folder; where there is none, the
    pdf-service makes one. Each is inspected before it counts, and where two may be meant you choose. What was done is
    recorded with your name, the guard judges the order again, and its hold is lifted if it is ready.
    """
    settings, order = invocation(ctx).settings(), kept(order)
    choice = Choice(item, key, file, regenerate, ask)
    report = repair(settings, order, choice, apply=apply, person=person_named(by) if apply else "")
    finish(report.as_json, as_json=json, show=lambda: show(report, choice), code=report.exit_code)


def show(report: RepairReport, choice: Choice) -> None:
    """The verdict, each step with what became of it, and the next command."""
    say(_verdict(report))
    shown = [*report.done, *(step for step in report.plan if not report.applied or step.status is Status.NEEDS_PERSON)]
    for step in shown:
        _show_step(step)
    if not report.applied and any(step.status is Status.PLANNED for step in report.plan):
        say(f"Next: {repair_command(report.order, *_again(choice), '--apply')}")
    if report.applied and not report.answer.ready:
        for problem in report.answer.problems:
            say(f"Still wrong: {printable(problem.text)}")
        if not any(step.options for step in shown):
            say(f"Next: {by_hand(report.answer.problems[0], report.order, report.answer.tenant)}")


def _verdict(report: RepairReport) -> str:
    answer, order = report.answer, printable(report.order)
    if answer.ready and answer.problems and answer.override is not None:
        until = moment(answer.override.until)
        return f"OK: order {order} may go to print: {printable(answer.override.person)} allows it until {until}."
    if answer.ready:
        return f"OK: order {order} may go to print: its artwork is there."
    if not report.applied:
        return f"FAIL: order {order} must not go to print. Nothing was changed; this is the plan:"
    return f"FAIL: order {order} must not go to print."


def _show_step(step: Step) -> None:
    what = f"item {printable(step.item)}: " if step.item is not None else ""
    say(f"{WORDS[step.status]:<{WIDTH}}{what}{printable(step.problem.text)}")
    say(f"{'':{WIDTH}}{step.way}: {printable(step.detail)}")
    for option in step.options if step.status in (Status.FAILED, Status.NEEDS_PERSON) else ():
        say(f"{'':{WIDTH}}{option}")


def _again(choice: Choice) -> list[str]:
    words = [f"--item={shell_word(choice.item)}"] if choice.item is not None else []
    words += [f"--key={shell_word(choice.key)}"] if choice.key is not None else []
    words += [f"--file={shell_word(str(choice.file))}"] if choice.file is not None else []
    return [*words, *(["--regenerate"] if choice.regenerate else []), *(["--ask"] if choice.ask else [])]
