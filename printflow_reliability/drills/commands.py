"""`printflow drill`: rehearse a recovery now, and look back at those there were."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from printflow_reliability.alerts.results import record_results
from printflow_reliability.check_rows import OUTCOME_WORDS, CheckRow, check_rows
from printflow_reliability.checks import Outcome
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, finish, invocation, print_json, progress, say, table
from printflow_reliability.drills import wording
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.fences.nightly import record_fence
from printflow_reliability.drills.history import list_drills, show_drill
from printflow_reliability.drills.objectives import ObjectivesReport, state_objectives
from printflow_reliability.drills.report import DrillReport, fetch
from printflow_reliability.errors import ConfigError
from printflow_reliability.restore.phases import Phase
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, moment, seconds, size

app = typer.Typer(help="Restore drills: rehearsed recoveries, and their history.", no_args_is_help=True)


@app.command("run")
def run_command(
    ctx: typer.Context,
    target: str = typer.Option(
        "latest",
        "--target",
        metavar="TARGET",
        help="What to restore: latest (the end of WAL), longest (the same from the oldest backup), random, or a time.",
    ),
    repo: int | None = typer.Option(
        None, "--repo", metavar="N", help="The repository to restore from; default: the first."
    ),
    from_standby: bool = typer.Option(
        False,
        "--from-standby",
        help="Take the files of clusters that have a standby of that (pg_basebackup), and WAL from the repository. It "
        "proves the standby, and no backup.",
    ),
    json: bool = JSON_OPTION,
) -> None:
    """Restore every cluster into a throwaway clone, compare it with production, and tear it down."""
    settings = invocation(ctx).settings()
    phases = list(Phase)
    ended: list[DrillReport] = []
    try:
        with progress("restore drill") as advance:
            advance(0, len(phases))
            report = run_drill(
                settings,
                target=target,
                repository=repo,
                from_standby=from_standby,
                tell=lambda phase: advance(phases.index(phase), len(phases)),
                interrupted=ended.append,
            )
    except KeyboardInterrupt:
        if not ended:
            raise
        report = ended[0]
    else:
        if not from_standby:  # what is known of the backups stays what it was
            record_results(settings, report.checks, alert=False)
    finish(report.as_json, as_json=json, show=lambda: show(report.as_json(), settings), code=report.exit_code)


@app.command("objectives")
def objectives_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Show the recovery objectives of each tier of data, and what was measured.

    Of the databases: what the drills so far say of a real recovery, and of one with twice the data.
    """
    settings = invocation(ctx).settings()
    report = state_objectives(settings)
    conclude(settings, report, as_json=json, show=lambda: _show_objectives(report, settings))


def _show_objectives(report: ObjectivesReport, settings: Settings) -> None:
    rows = [
        (
            tier.tier,
            _duration(tier.rpo_seconds),
            _duration(tier.rpo_target_seconds),
            _duration(tier.rto_seconds),
            _duration(tier.rto_target_seconds),
            OUTCOME_WORDS[tier.outcome],
        )
        for tier in report.tiers
    ]
    if rows:
        table(("tier", "RPO", "target", "RTO", "target", ""), rows)
    for check in report.checks:
        say(f"{OUTCOME_WORDS[check.outcome]}  {check.detail}")
    for step in settings.drills.manual_step:
        say(f"  by hand: {step.name} ({_duration(step.seconds) if step.seconds is not None else 'never timed'})")


@app.command("fence")
def fence_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """Record what every table holds at this moment, so that drills to moments after it can be compared."""
    report = record_fence(invocation(ctx).settings())
    if json:
        print_json(report.as_json())
        return
    for fence in report.fences:
        say(f"{fence.cluster:<10} {fence.lsn}  {counted(fence.tables, 'table')}, {counted(fence.rows, 'row')}")
    say("Drills to a moment after this can be compared with it: printflow drill run --target random")


@app.command("list")
def list_command(ctx: typer.Context, json: bool = JSON_OPTION) -> None:
    """List the drills, newest first."""
    drills = list_drills(invocation(ctx).settings())
    if json:
        print_json({"drills": drills})
        return
    if not drills:
        say("No drill was ever run here. Next: printflow drill run")
        return
    rows = [
        (
            str(drill["id"]),
            moment(datetime.fromisoformat(drill["started_at"])),
            wording.verdict(drill),
            _duration(drill["rto_seconds"]),
            _duration(drill["rpo_seconds"]),
            wording.source(drill),
        )
        for drill in drills
    ]
    table(("drill", "started", "", "RTO", "RPO", "from"), rows)


@app.command("show")
def show_command(
    ctx: typer.Context, id: int = typer.Argument(metavar="DRILL", help="The drill's number."), json: bool = JSON_OPTION
) -> None:
    """Show one drill with all its numbers."""
    settings = invocation(ctx).settings()
    drill = show_drill(settings, id)
    if json:
        print_json(drill)
    else:
        show(drill, settings)


@app.command("report")
def report_command(
    ctx: typer.Context,
    id: int = typer.Argument(metavar="DRILL", help="The drill's number."),
    into: Path | None = typer.Option(None, "--into", metavar="FILE", help="Default: drill-ID.html in this directory."),
) -> None:
    """Fetch the report of one drill from the reports' bucket."""
    settings = invocation(ctx).settings()
    show_drill(settings, id)
    page = fetch(settings, id)
    file = into or Path(f"drill-{id}.html")
    try:
        file.write_bytes(page)
    except OSError as refused:
        raise ConfigError(f"{file} cannot be written: {refused.strerror}", "name another file with --into") from None
    say(f"{file}: the report of drill {id}, for any browser")


def show(drill: Mapping[str, Any], settings: Settings) -> None:
    """Tell a person of a drill, from its document: what was done, what is not well, and the verdict last."""
    say(f"Restore drill {drill['id']}, to {_target(drill)}, from {wording.source(drill)}")
    answers = {check["name"]: check for check in drill.get("checks", ())}
    for label, text in _lines(drill, answers):
        say(f"  {label:<9} {text}")
    for row in check_rows(answers.values()):
        if row.outcome is not Outcome.PASS:
            _show_trouble(row)
    say(_last_line(drill, settings))
    if drill["outcome"] in (Outcome.FAIL, Outcome.UNKNOWN):
        again = "printflow drill run --from-standby" if drill.get("from_standby") else "printflow drill run"
        say(f"Next: fix the problem above, then run: {again}")
    if drill.get("unrecorded"):
        say(f"The records did not take these numbers. They are in {drill['unrecorded']} until the next drill.")
    if drill.get("report"):
        say(f"Report: {drill['report']}   printflow drill report {drill['id']}")


def _last_line(drill: Mapping[str, Any], settings: Settings) -> str:
    """The verdict, beside the objectives where backups were restored."""
    if drill.get("from_standby"):
        return f"{wording.verdict(drill)}   {wording.NO_BACKUP}"
    rto, rpo = _duration(drill["rto_seconds"]), _duration(drill["rpo_seconds"])
    targets = settings.drills
    return (
        f"{wording.verdict(drill)}   RTO {rto} (target {seconds(targets.rto_target_seconds)})   "
        f"RPO {rpo} (target {seconds(targets.rpo_target_seconds)})"
    )


def _show_trouble(row: CheckRow) -> None:
    """One cause, told once, and the checks that say it."""
    names = [name.removeprefix("drill.").replace("_", " ") for name in row.names]
    if len(names) == 1:
        say(f"  {row.word}  {names[0]}: {row.detail}")
    else:
        say(f"  {row.word}  {row.detail}")
        say(f"    {len(names)} checks: {', '.join(names)}")


def _lines(drill: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What was done, in the order it was done; troubled checks have lines of their own."""
    lines = []
    phases = drill.get("phases", {})
    fetched = [
        f"{cluster['name']} {size(cluster['fetched_bytes'])}"
        for cluster in drill.get("clusters", ())
        if cluster["fetched_bytes"] is not None
    ]
    if fetched and "fetch" in phases:
        lines.append(("fetch", f"{', '.join(fetched)} in {seconds(phases['fetch'])}"))
    passed = {name for name, answer in answers.items() if answer["outcome"] == Outcome.PASS}
    fences = ", ".join(f"{cluster['name']} {cluster['fence_lsn']}" for cluster in drill.get("clusters", ()))
    prefix = {"drill.fence": f"fence {fences}: "}
    for label, names in (
        ("replay", ("drill.fence", "drill.links", "drill.recovery")),
        (
            "validate",
            (
                *("drill.inventory", "drill.checksums", "drill.shrinkage", "drill.indexes", "drill.foreign_keys"),
                *("drill.constraints", "drill.sequences", "drill.smoke"),
            ),
        ),
        ("files", ("drill.files", "drill.rollback", "drill.printable")),
        ("tenant", ("drill.tenant",)),
        ("isolation", ("drill.isolation",)),
    ):
        told = [prefix.get(name, "") + answers[name]["detail"] for name in names if name in passed]
        lines += [(label if number == 0 else "", detail) for number, detail in enumerate(told)]
    return lines


def _target(drill: Mapping[str, Any]) -> str:
    if drill.get("moment"):
        at = moment(datetime.fromisoformat(drill["moment"]))
        return f"{at}, chosen at random" if drill["target"] == "random" else at
    return "the end of WAL, from the oldest backup" if drill["target"] == "longest" else "the end of WAL"


def _duration(value: float | None) -> str:
    return "not known" if value is None else seconds(value)
