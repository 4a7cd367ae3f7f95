"""A drill from its first stage to its last trace: recorded whatever happens, and torn down whatever happens.

The numbers are recorded first, before the clones are removed and before any report is written: what breaks after that
costs a page and never the evidence.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.checks import Outcome, worst
from printflow_reliability.defects import described
from printflow_reliability.drills.report import DrillReport
from printflow_reliability.drills.stages.chain import run_stages
from printflow_reliability.drills.stages.drill import Drill
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.interrupts import Interrupts
from printflow_reliability.restore.phases import Phase

log = logging.getLogger(__name__)


def conduct(
    drill: Drill,
    started_at: datetime,
    signals: Interrupts,
    interrupted: Callable[[DrillReport], None] | None = None,
) -> DrillReport:
    """Carry out a drill that has begun.

    Args:
        drill: which one.
        started_at: when it began, as the records have it.
        signals: those that the drill is sent; obeyed by now.
        interrupted: hears what was found so far, if a signal ends the drill.

    Raises:
        ConfigError, LockHeld: nothing can be said until that is mended.
        KeyboardInterrupt: it was told to end; it is torn down and recorded.
    """
    made, ended = _carry_out(drill, signals)
    stopped = ended is not None and not isinstance(ended, Exception)
    if made:
        _record(drill, _report(drill, started_at), ended=False)
        _tear_down(drill, look=not stopped)
    report = _report(drill, started_at)
    if stopped:
        report = replace(report, interrupted=signals.received or "its caller")
    report = _record(drill, report)
    if report.interrupted is None:
        report = _keep_report(drill, report)
    elif interrupted is not None:
        interrupted(report)
    if ended is not None:
        raise ended
    return report


def _carry_out(drill: Drill, signals: Interrupts) -> tuple[bool, BaseException | None]:
    """Run the stages; whether there is something to tear down, and what ended them before their end.

    No signal is obeyed from then on.
    """
    made = False
    try:
        try:
            drill.world.workspace.make()
            made = True
            run_stages(drill)
            ended: BaseException | None = None
        except PrintflowError as error:
            drill.results.break_off(error.sentence)
            ended = error
        except Exception as error:
            drill.results.break_off(_unexpected(drill, error))
            ended = error
        except BaseException as stop:  # Ctrl-C, and what Dagster makes of it
            ended = stop
        signals.hold()
    except KeyboardInterrupt as stop:  # between two of our own statements
        signals.hold()
        ended = stop
    if ended is not None and not isinstance(ended, Exception):
        drill.results.break_off(f"the drill was interrupted. Next: {drill.again}")
    return made, ended


def _tear_down(drill: Drill, *, look: bool) -> None:
    """End the clones and remove them; meanwhile look whether production and the repositories are as they were.

    Args:
        drill: which one.
        look: whether to look; somebody who interrupts a drill does not wait for two more listings.
    """
    workspace = drill.world.workspace

    def check_isolation() -> None:
        if result := drill.world.isolation.check():
            drill.results.add(result)

    try:
        with drill.clock.measure(Phase.TEAR_DOWN):
            workspace.give_up()
            run_parallel([workspace.remove, *((check_isolation,) if look else ())])
    except CouldNotTell as left:
        # The next drill's reaper tries again; this one's verdicts stand.
        log.error("drill %s: %s", drill.id, left)
        _left_behind(drill, left.sentence)
    except Exception as broken:
        why = _unexpected(drill, broken)
        log.error("drill %s: the tear-down broke off: %s", drill.id, why)
        if workspace.remains():
            _left_behind(drill, why)
        else:
            drill.results.answer("drill.isolation", Outcome.UNKNOWN, why)


def _left_behind(drill: Drill, why: str) -> None:
    """A copy of production stays on this machine's disk: a person has to remove it."""
    judged = drill.results.answer_to("drill.isolation")
    outcome = worst((judged.outcome, Outcome.WARN)) if judged else Outcome.UNKNOWN
    place = drill.world.workspace.remains()
    detail = f"the clones are still in {place}: {why}" + (f"; {judged.detail}" if judged else "")
    drill.results.answer("drill.isolation", outcome, detail)


def _report(drill: Drill, started_at: datetime) -> DrillReport:
    """What was found so far."""
    results = drill.results
    return DrillReport(
        id=drill.id,
        target=str(drill.target),
        moment=results.moment,
        repository=drill.repository,
        from_standby=drill.from_standby,
        started_at=started_at,
        finished_at=drill.world.now(),
        checks=results.conclude(drill.clock.seconds, drill.settings.drills, of_backups=not drill.from_standby),
        numbers=results.numbers,
        phases=drill.clock.seconds,
        clusters=tuple(results.clusters.values()),
        matched=results.matched,
        newest_fence=results.newest_fence,
        manual_steps_after=drill.settings.drills.manual_step,
    )


def _record(drill: Drill, report: DrillReport, *, ended: bool = True) -> DrillReport:
    """Record a drill; where the records do not take it, its end is kept in a file that the next drill records."""
    document = report.as_json()
    try:
        drill.world.records.record(document, ended=ended)
    except PrintflowError as away:
        if not ended:
            log.warning("drill %s is not recorded yet: %s", drill.id, away.what)
            return report
        return _keep_in_file(drill, report, document, away)
    if ended:
        log.info("drill %s: %s", drill.id, Outcome(report.outcome))
    return report


def _keep_in_file(drill: Drill, report: DrillReport, document: Mapping[str, Any], away: PrintflowError) -> DrillReport:
    try:
        file = drill.world.records.keep_in_file(document)
    except OSError as refused:
        # The last resort: whoever keeps this log keeps the evidence.
        log.error("%s; nor can a file be written (%s). Drill %s: %s", away.what, refused, drill.id, document)
        return report
    log.error("%s; the numbers of drill %s are in %s until the next drill records them", away.what, drill.id, file)
    return replace(report, unrecorded=file)


def _keep_report(drill: Drill, report: DrillReport) -> DrillReport:
    """Put the page into the reports' bucket, and note where it is; whatever breaks here costs the page alone."""
    address = drill.world.records.report_address()
    if address is None:
        return report
    kept = replace(report, report=address)
    try:
        drill.world.records.keep_report(kept.as_json(), drill.results.heal_plan)
    except PrintflowError as refused:
        log.error("the report of drill %s was not kept in the bucket: %s", drill.id, refused.sentence)
        return report
    except Exception as broken:
        log.error("the report of drill %s was not kept: %s", drill.id, _unexpected(drill, broken))
        return report
    if report.unrecorded is None:
        _record(drill, kept)
    return kept


def _unexpected(drill: Drill, error: Exception) -> str:
    """A defect in this program's own words, which Sentry is told too."""
    report_error(error)
    return f"unexpected {described(error, drill.settings.redact)}"
