"""Heartbeats of schedules: the watchers of a schedule hear when its run begins, and how it ended.

By the runs and not by the ticks: a schedule that starts a run which never begins has done nothing.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.alerts.sentry.monitors import Occasion
from printflow_reliability.alerts.turn import OUTBOX
from printflow_reliability.defs import run_events
from printflow_reliability.defs.reporting import as_dagster_failure
from printflow_reliability.defs.ticks import HEARTBEATS, asked, is_preview, tick_settings
from printflow_reliability.orders.names import GUARD
from printflow_reliability.queues.turn import QUEUES
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted

INTERVAL_SECONDS = 60
"""Their watchers wait for minutes at least, and every tick costs the daemon some connections."""
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
    description="Tells the watcher of each schedule that has a [[heartbeat]] in printflow.toml, and Sentry's monitor "
    "of every schedule where [sentry] is there, when its run begins and how it ended. A failed tick means that these "
    "watchers hear nothing, and call a person: its error says which heartbeat is of no schedule, or what is wrong with "
    "printflow.toml.",
)
def schedule_heartbeats(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Tell of the runs of schedules that began or ended since the last tick."""
    with as_dagster_failure():
        settings = tick_settings()
    parts = {heartbeat.of for heartbeat in settings.heartbeat} - {GUARD, OUTBOX, QUEUES}
    if not context.cursor:
        newest = asked(context, partial(run_events.newest, kinds=EVENTS))
        return dg.SensorResult(skip_reason="watching from now on", cursor=newest)
    crontabs = _crontabs(context)
    if context.repository_def is not None:
        require_schedules(parts, crontabs)
    if settings.sentry is not None:
        parts |= crontabs.keys()
    since = partial(run_events.since, kinds=EVENTS, cursor=context.cursor, now=datetime.now(UTC))
    events, cursor = asked(context, since)
    if is_preview(context):
        return dg.SensorResult(skip_reason=f"preview: {counted(len(events), 'event')} of runs, no watcher is told")
    for record in events:
        run = context.instance.get_run_by_id(record.event_log_entry.run_id)
        event = record.event_log_entry.dagster_event
        if run is not None and event is not None and run.tags.get(SCHEDULE) in parts:
            occasion = Occasion(crontabs.get(run.tags[SCHEDULE]), run.run_id)
            tell(HEARTBEATS, settings, run.tags[SCHEDULE], event, occasion)
    return dg.SensorResult(skip_reason=f"{counted(len(events), 'event')} of runs", cursor=cursor)


def require_schedules(parts: Collection[str], schedules: Collection[str]) -> None:
    """Make sure that each heartbeat is of something; one that is of nothing would never be heard.

    Raises:
        Failure: it is not.
    """
    if unknown := sorted(set(parts) - set(schedules)):
        known = ", ".join([GUARD, OUTBOX, QUEUES, *sorted(schedules)])
        raise dg.Failure(f'heartbeat: there is no schedule "{unknown[0]}"; there is: {known}')


def tell(heartbeats: Heartbeats, settings: Settings, schedule: str, event: dg.DagsterEvent, occasion: Occasion) -> None:
    """Tell the watchers of a schedule of what happened to a run of it."""
    run = f"Run {occasion.run} of {schedule}"
    if event.event_type is dg.DagsterEventType.RUN_START:
        heartbeats.started(settings, schedule, occasion)
    elif event.event_type is dg.DagsterEventType.RUN_SUCCESS:
        heartbeats.done(settings, schedule, f"{run} succeeded", occasion)
    else:
        ended = "was ended" if event.event_type is dg.DagsterEventType.RUN_CANCELED else "failed"
        heartbeats.failed(settings, schedule, f"{run} {ended}: {event.message or ''}", occasion)


def _crontabs(context: dg.SensorEvaluationContext) -> dict[str, str]:
    """When each schedule of this code location is due."""
    schedules = context.repository_def.schedule_defs if context.repository_def is not None else ()
    return {schedule.name: str(schedule.cron_schedule) for schedule in schedules}


definitions = dg.Definitions(sensors=[schedule_heartbeats])
