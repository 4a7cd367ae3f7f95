"""A whole drill on real servers, one at a time."""

from collections.abc import Callable
from datetime import UTC, datetime

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.drills import history, unrecorded
from printflow_reliability.drills.conduct import conduct
from printflow_reliability.drills.report import DrillReport
from printflow_reliability.drills.results import Results
from printflow_reliability.drills.stages.drill import Drill
from printflow_reliability.drills.world.live import live_world
from printflow_reliability.errors import ConfigError
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.restore import reaper
from printflow_reliability.restore.interrupts import Interrupts
from printflow_reliability.restore.phases import Phase, PhaseClock
from printflow_reliability.restore.reaper import LOCK
from printflow_reliability.restore.repositories import choose_repository
from printflow_reliability.restore.targets import Target, parse_target
from printflow_reliability.settings import Settings


@operation("restore drill")
def run_drill(
    settings: Settings,
    *,
    target: str = "latest",
    repository: int | None = None,
    from_standby: bool = False,
    tell: Callable[[Phase], None] | None = None,
    interrupted: Callable[[DrillReport], None] | None = None,
) -> DrillReport:
    """Rehearse a recovery of every cluster, and record what it showed.

    Args:
        settings: the whole configuration.
        target: what to restore: "latest" is the end of WAL, "longest" the same from the oldest backup, "random" a
            moment between backups, anything else an ISO 8601 time with its zone.
        repository: the number of the repository to restore from; the first that all clusters have if None.
        from_standby: whether to take the files of clusters that have a standby of that, and only WAL from the
            repository. Such a drill proves no backup, and counts for none.
        tell: hears of each phase as it begins.
        interrupted: hears what was found so far, if a signal ends the drill.

    Raises:
        ConfigError: the arguments, or the configuration, are wrong.
        LockHeld: another drill is running.
        CouldNotTell: the records are unreachable, so that nothing could be remembered.
        KeyboardInterrupt: the drill was told to end; it is torn down and recorded.
    """
    wanted = parse_target(target, datetime.now(UTC))
    chosen = choose_repository(settings, repository)
    if from_standby:
        _require_standby(settings, wanted)
    signals = Interrupts()
    with signals.obeyed(), RecordsSession(settings.records, LOCK) as records:
        reaper.reap(settings.drills.directory)
        records.ask(lambda connection: unrecorded.record_kept(connection, settings.drills.directory))
        started_at = datetime.now(UTC)
        number = records.ask(
            lambda connection: history.begin(connection, str(wanted), chosen, started_at, from_standby)
        )
        drill = Drill(
            id=number,
            target=wanted,
            repository=chosen,
            settings=settings,
            world=live_world(settings, records, number, chosen, from_standby=from_standby),
            results=Results((cluster.name for cluster in settings.cluster), settings.acknowledged),
            clock=PhaseClock(),
            tell=tell or _discard,
            from_standby=from_standby,
        )
        return conduct(drill, started_at, signals, interrupted)


def _require_standby(settings: Settings, target: Target) -> None:
    """Raises:
    ConfigError: there is no standby, or nothing that its files could replay to.
    """
    if all(cluster.standby is None for cluster in settings.cluster):
        raise ConfigError(
            "--from-standby: no [[cluster]] names a standby", "set `standby` in one, or run: printflow drill run"
        )
    if target.kind != "latest":
        raise ConfigError(
            f"--from-standby: a standby holds the present, and nothing replays back to the target {target}",
            "printflow drill run --from-standby, without --target",
        )
    if not settings.drills.ask_production:
        raise ConfigError(
            "--from-standby: drills.ask_production is false, and every fence of the records is older than the standby",
            "run it where production may be asked",
        )


def _discard(phase: Phase) -> None:
    """Tell nobody."""
