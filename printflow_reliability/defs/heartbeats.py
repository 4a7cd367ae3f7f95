"""Heartbeats of schedules: the watcher of a schedule hears when its run begins, and how it ended.

By the runs and not by the ticks: a schedule that starts a run which never begins has done nothing.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import dagster as dg

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.turn import OUTBOX
from printflow_reliability.defs import run_events
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.reporting import as_dagster_failure
from printflow_reliability.defs.ticks import HEARTBEATS, is_preview
from printflow_reliability.orders.turn import GUARD
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted

INTERVAL_SECONDS = 30
SCHEDULE = "dagster/schedule_name"
"""The tag of runs that a schedule started."""
EVENTS: tuple[run_events.RunEvent, ...] = (
    dg.DagsterEventType.RUN_START,
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the watcher of each schedule that has a [[heartbeat]] in printflow.toml when its run begins and "
    "how it ended. A failed tick means that these watchers hear nothing, and call a person: its error says which "
    "heartbeat is of no schedule, or what is wrong with printflow.toml.",
)
def schedule_heartbeats(context: dg.SensorEvaluationContext, configuration: Configuration) -> dg.SensorResult:
    """Tell of the runs of schedules that began or ended since the last tick."""
    with as_dagster_failure():
        settings = configuration.settings()
    parts = {heartbeat.of for heartbeat in settings.heartbeat} - {GUARD, OUTBOX}
    if not context.cursor:
        return dg.SensorResult(skip_reason="watching from now on", cursor=run_events.newest(context.instance, EVENTS))
    if context.repository_def is not None:
        require_schedules(parts, {schedule.name for schedule in context.repository_def.schedule_defs})
    events, cursor = run_events.since(context.instance, EVENTS, context.cursor, datetime.now(UTC))
    if is_preview(context):
        return dg.SensorResult(skip_reason=f"preview: {counted(len(events), 'event')} of runs, no watcher is told")
    for record in events:
        run = context.instance.get_run_by_id(record.event_log_entry.run_id)
        event = record.event_log_entry.dagster_event
        if run is not None and event is not None and run.tags.get(SCHEDULE) in parts:
            tell(HEARTBEATS, settings, run.tags, event.event_type, f"Run {run.run_id}", event.message or "")
    return dg.SensorResult(skip_reason=f"{counted(len(events), 'event')} of runs", cursor=cursor)


def require_schedules(parts: Collection[str], schedules: Collection[str]) -> None:
    """Make sure that each heartbeat is of something; one that is of nothing would never be heard.

    Raises:
        Failure: it is not.
    """
    if unknown := sorted(set(parts) - set(schedules)):
        known = ", ".join([GUARD, OUTBOX, *sorted(schedules)])
        raise dg.Failure(f'heartbeat: there is no schedule "{unknown[0]}"; there is: {known}')


def tell(
    heartbeats: Heartbeats,
    settings: Settings,
    tags: Mapping[str, str],
    event: dg.DagsterEventType,
    run: str,
    message: str,
) -> None:
    """Tell the watcher of a run's schedule of one of its events."""
    schedule = tags[SCHEDULE]
    if event is dg.DagsterEventType.RUN_START:
        heartbeats.started(settings, schedule)
    elif event is dg.DagsterEventType.RUN_SUCCESS:
        heartbeats.done(settings, schedule, f"{run} of {schedule} succeeded")
    else:
        ended = "was ended" if event is dg.DagsterEventType.RUN_CANCELED else "failed"
        heartbeats.failed(settings, schedule, f"{run} of {schedule} {ended}: {message}")


definitions = dg.Definitions(sensors=[schedule_heartbeats])
