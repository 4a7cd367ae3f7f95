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
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.restore import reaper
from printflow_reliability.restore.interrupts import Interrupts
from printflow_reliability.restore.phases import Phase, PhaseClock
from printflow_reliability.restore.reaper import LOCK
from printflow_reliability.restore.repositories import choose_repository
from printflow_reliability.restore.targets import parse_target
from printflow_reliability.settings import Settings


@operation("restore drill")
def run_drill(
    settings: Settings,
    *,
    target: str = "latest",
    repository: int | None = None,
    tell: Callable[[Phase], None] | None = None,
    interrupted: Callable[[DrillReport], None] | None = None,
) -> DrillReport:
    """Rehearse a recovery of every cluster, and record what it showed.

    Args:
        settings: the whole configuration.
        target: what to restore: "latest" is the end of WAL, "longest" the same from the oldest backup, "random" a
            moment between backups, anything else an ISO 8601 time with its zone.
        repository: the number of the repository to restore from; the first that all clusters have if None.
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
    signals = Interrupts()
    with signals.obeyed(), RecordsSession(settings.records, LOCK) as records:
        reaper.reap(settings.drills.directory)
        records.ask(lambda connection: unrecorded.record_kept(connection, settings.drills.directory))
        started_at = datetime.now(UTC)
        number = records.ask(lambda connection: history.begin(connection, str(wanted), chosen, started_at))
        drill = Drill(
            id=number,
            target=wanted,
            repository=chosen,
            settings=settings,
            world=live_world(settings, records, number, chosen),
            results=Results((cluster.name for cluster in settings.cluster), settings.acknowledged),
            clock=PhaseClock(),
            tell=tell or _discard,
        )
        return conduct(drill, started_at, signals, interrupted)


def _discard(phase: Phase) -> None:
    """Tell nobody."""
