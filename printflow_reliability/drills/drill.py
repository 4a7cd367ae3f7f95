"""A whole drill: one at a time, recorded whatever happens, and torn down whatever happens."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import TypeVar

import psycopg

from printflow_reliability.checks import Outcome
from printflow_reliability.drills import history, report
from printflow_reliability.drills.clones import reaper
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.drills.phases import Phase, PhaseClock
from printflow_reliability.drills.rehearsal import Memory, Rehearsal
from printflow_reliability.drills.report import DrillReport
from printflow_reliability.drills.targets import parse_target
from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)

LOCK = "restore drill"
Answer = TypeVar("Answer")


def run_drill(
    settings: Settings,
    *,
    target: str = "latest",
    repository: int | None = None,
    tell: Callable[[Phase], None] | None = None,
) -> DrillReport:
    """Rehearse a recovery of every cluster, and record what it showed.

    Args:
        settings: the whole configuration.
        target: what to restore: "latest" is the end of WAL, "longest" the same from the oldest backup, "random" a
            moment between backups, anything else an ISO 8601 time with its zone.
        repository: the number of the repository to restore from; the first that all clusters have if None.
        tell: hears of each phase as it begins.

    Raises:
        ConfigError: the arguments, or the configuration, are wrong.
        LockHeld: another drill is running.
        CouldNotTell: the records are unreachable, so that nothing could be remembered.
    """
    wanted = parse_target(target, datetime.now(UTC))
    chosen = choose_repository(settings, repository)
    with _interruptible(), open_records(settings.records) as records, exclusive(records, LOCK):
        reaper.reap(settings.drills.directory)
        started_at = datetime.now(UTC)
        number = history.begin(records, str(wanted), chosen, started_at)
        drill = Rehearsal(settings, number, wanted, chosen, PhaseClock(), _memory(settings, records, number))
        try:
            reaper.make(drill.place, settings)
            try:
                drill.run(tell or _nothing)
            finally:
                _tear_down(drill)
        except BaseException:
            _finish(settings, records, drill, started_at)
            raise
        return _finish(settings, records, drill, started_at)


def choose_repository(settings: Settings, given: int | None) -> int:
    """The repository to restore from.

    Raises:
        ConfigError: not every cluster has it.
    """
    common = sorted(set.intersection(*(set(cluster.repositories) for cluster in settings.cluster)))
    if given is None and common:
        return common[0]
    if given is None or given not in common:
        there = ", ".join(map(str, common)) or "none"
        raise ConfigError(f"--repo: every cluster must have the repository; they share {there}")
    return given


def _memory(settings: Settings, records: psycopg.Connection, drill: int) -> Memory:
    names = [cluster.name for cluster in settings.cluster]
    ever = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

    def asked(ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except psycopg.Error as lost:  # never to be taken for an error of a clone
            raise CouldNotTell(f"the records database does not answer: {' '.join(str(lost).split())}") from None

    def stored(after: datetime, before: datetime) -> Mapping[str, Fence]:
        return asked(lambda: history.stored_fences(records, names, after, before))

    return Memory(
        stored=stored,
        baseline=lambda before: asked(lambda: history.baseline_fences(records, names, before)),
        keep=lambda fence: asked(lambda: history.keep_fence(records, drill, fence)),
        newest=lambda: stored(*ever),
    )


def _tear_down(drill: Rehearsal) -> None:
    try:
        with drill.clock.measure(Phase.TEAR_DOWN):
            drill.tear_down()
    except CouldNotTell as left:
        # The next drill's reaper tries again; this one's verdicts stand.
        log.error("drill %s: %s", drill.id, left)


def _finish(settings: Settings, records: psycopg.Connection, drill: Rehearsal, started_at: datetime) -> DrillReport:
    """Put everything together and keep it: in records, and where possible in the reports' bucket."""
    done = DrillReport(
        id=drill.id,
        target=str(drill.target),
        moment=drill.plan.moment if drill.plan else None,
        repository=drill.repository,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        checks=drill.conclude(),
        numbers=drill.numbers,
        phases=drill.clock.seconds,
        clusters=tuple(drill.clusters.values()),
        matched=drill.matched,
        report=report.address(settings, drill.id),
        newest_fence=drill.newest_fence,
        manual_steps_after=settings.drills.manual_step,
    )
    document = done.as_json()
    try:
        report.keep(document, drill.heal_plan, settings, history.before(records, drill.id))
    except CouldNotTell as unkept:
        log.error("the report of drill %s was not kept in the bucket: %s", drill.id, unkept)
        document["report"] = None
    history.finish(records, drill.id, done.outcome, document)
    log.info("drill %s: %s", drill.id, Outcome(done.outcome))
    return done


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end a drill like Ctrl-C does, so that it is torn down; unless somebody else handles it."""
    free = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if not (free and threading.current_thread() is threading.main_thread()):
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _nothing(phase: Phase) -> None:
    """Tell nobody."""
