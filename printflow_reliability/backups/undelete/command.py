"""`printflow backup undelete`: a wiped repository, planned first and brought back only when told to."""

import shlex
from typing import Annotated

import typer

from printflow_reliability.backups.undelete.plan import RepositoryPlan
from printflow_reliability.backups.undelete.undelete import Undeleted, UndeleteReport, undelete
from printflow_reliability.checks import Outcome
from printflow_reliability.console import APPLY_OPTION, JSON_OPTION, finish, invocation, progress, say
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.moments import parse_moment
from printflow_reliability.text import agreed, counted, printable, size

SHOWN = 20


def undelete_command(
    ctx: typer.Context,
    cluster: Annotated[
        str | None, typer.Argument(metavar="CLUSTER", help="Whose repositories; those of all clusters by default.")
    ] = None,
    before: Annotated[
        str, typer.Option("--before", metavar="TIME", help="Bring back what was there before, as 2026-11-02T14:05:00Z.")
    ] = ...,  # type: ignore[assignment]
    repo: Annotated[int | None, typer.Option("--repo", metavar="N", min=1, help="Only this repository.")] = None,
    apply: bool = APPLY_OPTION,
    json: bool = JSON_OPTION,
) -> None:
    """Bring back a repository that somebody deleted or overwrote.

    A bucket with versioning keeps what was there: delete markers are removed, and versions of then are made current
    again. What is newer and whole stays. Nothing that holds bytes is ever deleted. --apply needs credentials of its own
    ([[backups.break_glass]]) and `pgbackrest stop` on every host that writes; it ends with a verification.
    """
    settings = invocation(ctx).settings()
    moment = parse_moment(before)
    with progress("files") as advance:
        report = undelete(
            settings,
            moment,
            clusters=None if cluster is None else (cluster,),
            repository=repo,
            apply=apply,
            advance=advance,
        )
    named = [cluster] if cluster else []
    numbered = ["--repo", str(repo)] if repo else []
    again = shlex.join(["printflow", "backup", "undelete", *named, "--before", before, *numbered])
    finish(report.as_json, as_json=json, show=lambda: _show(report, again), code=report.exit_code)


def _show(report: UndeleteReport, again: str) -> None:
    if report.undeleted is None:
        for plan in report.plans:
            _show_plan(plan)
        if any(plan.steps for plan in report.plans):
            say("Next: pgbackrest stop on every host that runs pgBackRest for these stanzas, then")
            say(f"      {again} --apply")
        return
    for each in report.undeleted:
        _show_done(each)
    if any(each.outcome is Outcome.FAIL for each in report.undeleted):
        say(f"Next: remove the cause that is named above, then run: {again} --apply")
    elif any(each.done for each in report.undeleted):
        say("Next: pgbackrest start on every host that was stopped, then prove a restore: printflow drill run")


def _show_plan(plan: RepositoryPlan) -> None:
    where = f"{plan.cluster} repo{plan.number}"
    if plan.cannot:
        say(f"{where}  {_cannot(plan)}")
        return
    files, newer = len(plan.steps), plan.since.newer
    if files:
        say(f"{where}  {counted(files, 'file')} ({size(plan.bytes)}) can be brought back in bucket {plan.bucket}")
    else:
        say(f"{where}  everything that was there before is there in bucket {plan.bucket}")
    say(
        f"    {counted(plan.since.there, 'file')} as {agreed(plan.since.there, 'it was', 'they were')}, "
        f"{counted(newer, 'newer file')} {agreed(newer, 'stays', 'stay')}"
    )
    for problem in plan.problems:
        say(f"    PROBLEM: {printable(problem)}")
    if lost := plan.since.made_and_deleted:
        say(f"    {counted(lost, 'file')} made since then and deleted too: a later --before would bring them back")


def _show_done(each: Undeleted) -> None:
    where = f"{each.plan.cluster} repo{each.plan.number}"
    if each.plan.cannot:
        say(f"{where}  {_cannot(each.plan)}")
        return
    say(f"{where}  {counted(each.done, 'file')} {agreed(each.done, 'is', 'are')} back")
    for key, reason in each.failed[:SHOWN]:
        say(f"    FAILED {printable(key)}: {printable(reason)}")
    if (more := len(each.failed) - SHOWN) > 0:
        say(f"    and {more:,} more")
    for key in each.meanwhile[:SHOWN]:
        say(f"    WRITTEN MEANWHILE by somebody else: {printable(key)}")
    if each.verdict:
        word = {Outcome.PASS: "VERIFIED", Outcome.UNKNOWN: "COULD NOT TELL"}.get(each.verdict[0], "DAMAGED")
        say(f"    {word}: {each.verdict[1]}")


def _cannot(plan: RepositoryPlan) -> str:
    word = "COULD NOT TELL" if isinstance(plan.cannot, CouldNotTell) else "CANNOT"
    return f"{word}  {printable(plan.cannot.sentence if plan.cannot else '')}"
