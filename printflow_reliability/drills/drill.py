"""A whole drill: one at a time, recorded whatever happens, and torn down whatever happens.

The numbers are recorded first, before the clones are removed and before any report is written: what breaks after that
costs a page and never the evidence.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from printflow_reliability.checks import Outcome, worst
from printflow_reliability.drills import history, report, unrecorded
from printflow_reliability.drills.rehearsal import Rehearsal
from printflow_reliability.drills.report import DrillReport
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.restore import reaper
from printflow_reliability.restore.fence_store import FenceStore
from printflow_reliability.restore.interrupts import Interrupts
from printflow_reliability.restore.phases import Phase, PhaseClock
from printflow_reliability.restore.reaper import LOCK
from printflow_reliability.restore.repositories import choose_repository
from printflow_reliability.restore.targets import parse_target
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)


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
        fence_store = FenceStore(records, [cluster.name for cluster in settings.cluster], number)
        drill = Rehearsal(settings, number, wanted, chosen, PhaseClock(), fence_store)
        ended = _rehearse(drill, records, signals, tell or _nothing)
        if drill.made:
            _keep_numbers(records, settings, _report(drill, started_at), ended=False)
            _tear_down(drill, look=ended is None or isinstance(ended, Exception))
        found = _report(drill, started_at)
        if ended is not None and not isinstance(ended, Exception):
            found = replace(found, interrupted=signals.received or "its caller")
        found = _keep_numbers(records, settings, found)
        if found.interrupted is None:
            found = _keep_report(records, settings, found, drill.heal_plan)
        elif interrupted is not None:
            interrupted(found)
        if ended is not None:
            raise ended
        return found


def _rehearse(
    drill: Rehearsal, records: RecordsSession, signals: Interrupts, tell: Callable[[Phase], None]
) -> BaseException | None:
    """Run the rehearsal; what ended it before its end. No signal is obeyed from then on."""
    try:
        ended = _attempt(drill, records, tell)
        signals.hold()
    except KeyboardInterrupt as stop:  # between two of our own statements
        signals.hold()
        ended = stop
    if ended is not None and not isinstance(ended, Exception):  # Ctrl-C, and what Dagster makes of it
        drill.break_off("the drill was interrupted. Next: printflow drill run")
    return ended


def _attempt(drill: Rehearsal, records: RecordsSession, tell: Callable[[Phase], None]) -> BaseException | None:
    def begin(phase: Phase) -> None:
        records.require_lock()
        tell(phase)

    try:
        drill.make()
        drill.run(begin)
    except PrintflowError as error:
        drill.break_off(error.sentence)
        return error
    except Exception as error:
        drill.break_off(_unexpected(drill.settings, error))
        return error
    except BaseException as stop:
        return stop
    return None


def _tear_down(drill: Rehearsal, *, look: bool) -> None:
    try:
        with drill.clock.measure(Phase.TEAR_DOWN):
            drill.tear_down(look=look)
    except CouldNotTell as left:
        # The next drill's reaper tries again; this one's verdicts stand.
        log.error("drill %s: %s", drill.id, left)
        _left_behind(drill, left.sentence)
    except Exception as broken:
        why = _unexpected(drill.settings, broken)
        log.error("drill %s: the tear-down broke off: %s", drill.id, why)
        if drill.place.exists():
            _left_behind(drill, why)
        else:
            drill.answers.verdict("drill.isolation", Outcome.UNKNOWN, why)


def _left_behind(drill: Rehearsal, why: str) -> None:
    """A copy of production stays on this machine's disk: a person has to remove it."""
    judged = drill.answers.given("drill.isolation")
    outcome = worst((judged.outcome, Outcome.WARN)) if judged else Outcome.UNKNOWN
    detail = f"the clones are still in {drill.place}: {why}" + (f"; {judged.detail}" if judged else "")
    drill.answers.verdict("drill.isolation", outcome, detail)


def _report(drill: Rehearsal, started_at: datetime) -> DrillReport:
    """What was found so far."""
    return DrillReport(
        id=drill.id,
        target=str(drill.target),
        moment=drill.plan.moment if drill.plan else None,
        repository=drill.repository,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        checks=drill.conclude(),
        numbers=drill.answers.numbers,
        phases=drill.clock.seconds,
        clusters=tuple(drill.clusters.values()),
        matched=drill.matched,
        newest_fence=drill.newest_fence,
        manual_steps_after=drill.settings.drills.manual_step,
    )


def _keep_numbers(
    records: RecordsSession, settings: Settings, found: DrillReport, *, ended: bool = True
) -> DrillReport:
    """Record a drill; where the records do not take it, its end is kept in a file that the next drill records."""
    document = found.as_json()
    try:
        records.ask(lambda connection: history.record(connection, document, ended=ended))
    except PrintflowError as away:
        if not ended:
            log.warning("drill %s is not recorded yet: %s", found.id, away.what)
            return found
        return _keep_in_file(settings, found, document, away)
    if ended:
        log.info("drill %s: %s", found.id, Outcome(found.outcome))
    return found


def _keep_in_file(
    settings: Settings, found: DrillReport, document: Mapping[str, Any], away: PrintflowError
) -> DrillReport:
    try:
        file = unrecorded.keep(settings.drills.directory, document)
    except OSError as refused:
        # The last resort: whoever keeps this log keeps the evidence.
        log.error("%s; nor can a file be written (%s). Drill %s: %s", away.what, refused, found.id, document)
        return found
    log.error("%s; the numbers of drill %s are in %s until the next drill records them", away.what, found.id, file)
    return replace(found, unrecorded=file)


def _keep_report(
    records: RecordsSession, settings: Settings, found: DrillReport, heal_plan: Sequence[str]
) -> DrillReport:
    """Put the page into the reports' bucket, and note where it is; whatever breaks here costs the page alone."""
    kept = replace(found, report=report.address(settings, found.id))
    if kept.report is None:
        return found
    try:
        report.keep(kept.as_json(), heal_plan, settings, _before(records, found.id))
    except PrintflowError as refused:
        log.error("the report of drill %s was not kept in the bucket: %s", found.id, refused.sentence)
        return found
    except Exception as broken:
        log.error("the report of drill %s was not kept: %s", found.id, _unexpected(settings, broken))
        return found
    if found.unrecorded is None:
        _keep_numbers(records, settings, kept)
    return kept


def _before(records: RecordsSession, drill: int) -> Sequence[Mapping[str, Any]]:
    """The drills before this one, for the page's trends; none if the records are away."""
    try:
        return records.ask(lambda connection: history.before(connection, drill))
    except (CouldNotTell, ConfigError):
        return ()


def _unexpected(settings: Settings, error: Exception) -> str:
    """A defect in words, without what came through a secret indirection."""
    text = f"unexpected {type(error).__name__}: {error}"
    for secret in settings.secrets:
        text = text.replace(secret, "[secret]")
    return text


def _nothing(phase: Phase) -> None:
    """Tell nobody."""
