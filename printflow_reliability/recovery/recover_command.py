"""`printflow recover`: the drill's recovery in earnest. What it restores stays, and each step is said as it is done."""

import shlex
from datetime import UTC, datetime
from pathlib import Path

import typer

from printflow_reliability.check_rows import OUTCOME_WORDS, check_rows
from printflow_reliability.checks import Outcome, exit_code, worst
from printflow_reliability.console import JSON_OPTION, finish, invocation, say
from printflow_reliability.errors import ConfigError
from printflow_reliability.recovery.recover import Recovered, recover
from printflow_reliability.recovery.rollback_offer import rollback_command
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.repositories import choose_repository
from printflow_reliability.restore.targets import POINT, Target, parse_target
from printflow_reliability.text import moment, seconds


def recover_command(
    ctx: typer.Context,
    to: str = typer.Option(
        ...,
        "--to",
        metavar="TARGET",
        help="latest (the end of WAL), a time such as 2026-11-02T14:05:00Z, or point:NAME (a restore point that backup "
        "before-migrate made).",
    ),
    into: Path = typer.Option(
        ..., "--into", metavar="DIR", help="A directory that does not exist yet, on a disk that is large enough."
    ),
    repo: int | None = typer.Option(
        None, "--repo", metavar="N", help="The repository to restore from; default: the first."
    ),
    allow_tablespace: list[Path] = typer.Option(
        [],
        "--allow-tablespace",
        metavar="PATH",
        help="The path of a tablespace that was made after the base backup: replay makes it there. An empty directory "
        "of the servers' user, on a host where nothing of production lives. Repeatable.",
    ),
    json: bool = JSON_OPTION,
) -> None:
    """Bring every cluster back, out of the repository alone, and keep it running beside production.

    Nothing of production is touched: the restored clusters listen on sockets in DIR only, and archive nothing. Handing
    over to them is the runbook's next step.
    """
    settings = invocation(ctx).settings()
    target = Target("point", point=to.removeprefix(POINT)) if to.startswith(POINT) else _target(to)
    number = 0

    def tell(phase: Phase, what: str) -> None:
        nonlocal number
        number += 1
        if not json:
            say(f"{datetime.now(UTC):%H:%M:%S}  step {number}  {phase.replace('_', ' ')}: {what}")

    done = recover(
        settings,
        target,
        into,
        repository=choose_repository(settings, repo),
        tell=tell,
        allow_tablespaces=allow_tablespace,
    )
    finish(done.as_json, as_json=json, show=lambda: _show(done), code=exit_code(check.outcome for check in done.checks))


def _target(to: str) -> Target:
    """Raises:
    ConfigError: a recovery in earnest does not go there.
    """
    target = parse_target(to, datetime.now(UTC))
    if target.kind not in ("latest", "time"):
        raise ConfigError(f'--to: "{to}" is nothing to recover to in earnest', "--to latest, a time, or point:NAME")
    return target


def _show(done: Recovered) -> None:
    for row in check_rows(done.as_json()["checks"]):
        say(f"  {row.word:<14}  {', '.join(row.names)}: {row.detail}")
    where = moment(done.moment) if done.moment else "the end of WAL"
    rpo = "not known" if done.rpo_seconds is None else seconds(done.rpo_seconds)
    lost = "" if done.moment else f"   RPO {rpo}"
    word = OUTCOME_WORDS[worst(check.outcome for check in done.checks)]
    say(f"{word}   Recovered to {where} in {seconds(sum(done.phases.values()))}{lost}")
    say("Running now, on sockets only:")
    for cluster in done.clusters:
        psql = ("psql", "-h", str(cluster.sockets), "-p", str(cluster.port), "-U", cluster.superuser, cluster.database)
        say(f"  {cluster.name}: {shlex.join(psql)}")
        say(f"    data directory {cluster.data}, timeline {cluster.timeline}, reached {cluster.reached_lsn}")
    if any(check.outcome is not Outcome.PASS for check in done.checks):
        say("Next: look at what stands above before anybody is let in, then: printflow runbook cluster-lost")
    else:
        say("Next: look around, then hand over as the runbook says: printflow runbook cluster-lost")
    if done.files_moment is None:
        say("Which moment the databases reached is not known, so no rollback of the files is offered")
        return
    say("Last step, only if files were damaged too: when these clusters are in production's place and before anybody")
    say(f"is let in, see what bringing the buckets to {moment(done.files_moment)} would do; it changes nothing:")
    say(f"  {rollback_command(done.files_moment)}")
