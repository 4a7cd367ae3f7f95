"""`printflow backup before-migrate`: exit code 0 only when the way back is safe."""

import os
import shlex
from functools import partial
from pathlib import Path

import typer

from printflow_reliability.alerts.results import record_results
from printflow_reliability.check_rows import OUTCOME_WORDS
from printflow_reliability.checks import Outcome, exit_code
from printflow_reliability.console import JSON_OPTION, finish, invocation, say, user_name
from printflow_reliability.drills.before_migration import BeforeMigration, before_migration
from printflow_reliability.settings import find_config
from printflow_reliability.text import counted


def before_migrate_command(
    ctx: typer.Context,
    name: str = typer.Option(
        ..., "--name", metavar="NAME", help="What the restore point is called, such as orders-2026-11-28; unique."
    ),
    as_json: bool = JSON_OPTION,
) -> None:
    """Make a safe point before a migration: an incremental backup, a restore point, its WAL in every repository.

    Exit code 0: it is safe to go on, and the command that restores to this very point is printed.
    """
    asked = invocation(ctx)
    settings = asked.settings()
    config = os.path.abspath(find_config(asked.config))  # noqa: PTH100 - a symlink stays what people call it
    recover = partial(_command, Path(config))
    done = before_migration(settings, name, recover, partial(say, err=True), by=user_name())
    record_results(settings, done.checks, alert=False)
    finish(done.as_json, as_json=as_json, show=lambda: _show(done), code=exit_code([done.outcome]))


def _command(config: Path, *words: str) -> str:
    return shlex.join(["printflow", "--config", str(config), *words])


def _show(done: BeforeMigration) -> None:
    for fence in done.fences:
        told = f"{counted(fence.tables, 'table')}, {counted(fence.rows, 'row')} at it"
        say(f'{fence.cluster}: restore point "{fence.name}" at {fence.lsn} on timeline {fence.timeline}; {told}')
    for point in done.points:
        say(f"    {OUTCOME_WORDS[point.verdict.outcome]}: {point.verdict.sentence}")
    if done.outcome is Outcome.PASS:
        say("OK: it is safe to migrate. The way back to this very point, beside production:")
    else:
        say(f"{OUTCOME_WORDS[done.outcome]}: do NOT migrate; the way back is not safe.")
    for command in done.commands:
        say(f"    {command}")
    if done.commands:
        say("Then hand over as the runbook says: printflow runbook migration-failed")
