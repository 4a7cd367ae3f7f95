"""Alerts for runs that fail, by the assets that they were to make, however they were launched.

A plain sensor and none of run status: the cursor of those moves on even when their body fails, and what they were to
tell is lost.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import dagster as dg
import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.alerts.outbox import Alert, open_alerts, raise_alert, resolve_alert
from printflow_reliability.alerts.sentry.reports import report_message
from printflow_reliability.defs import run_events
from printflow_reliability.defs.failed_ticks import tell_of_failed_ticks
from printflow_reliability.defs.reporting import Defect, as_dagster_failure
from printflow_reliability.defs.ticks import asked, is_preview, tick_settings
from printflow_reliability.findings import Severity
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

INTERVAL_SECONDS = 60
ENDS: tuple[run_events.RunEvent, ...] = (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS)
CHECK_FAILED = "DagsterAssetCheckFailedError"
ANSWERED = "Failure"
"""What `as_dagster_failure` raises of an error that a person can act on."""
DEFECT = Defect.__name__
"""What it raises of any other, once it has told Sentry."""
HELD_ORDERS = "held_orders"
PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Raises an alert for each asset whose run failed, unless a failed check alerts by itself, and resolves "
    "it at that asset's next success; so too if the ticks of failed_ticks fail. A failed tick means that nobody hears "
    "of failed runs: look whether the records answer (printflow alerts list); what was missed is told by the next tick "
    "that succeeds.",
)
def failed_run(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Tell of the runs that ended since the last tick."""
    now = datetime.now(UTC)
    if not context.cursor:
        return dg.SensorResult(
            skip_reason="watching from now on", cursor=asked(context, partial(run_events.newest, kinds=ENDS))
        )
    ended, cursor = asked(context, partial(run_events.since, kinds=ENDS, cursor=context.cursor, now=now))
    if is_preview(context):
        return dg.SensorResult(skip_reason=f"preview: {len(ended)} ended runs would be looked at, nobody is told")
    tell_of_failed_ticks(context)
    if ended:
        with as_dagster_failure():
            _tell(context.instance, tick_settings(), ended)
    return dg.SensorResult(skip_reason=f"{len(ended)} runs ended", cursor=cursor)


def _tell(instance: dg.DagsterInstance, settings: Settings, ended: Sequence[dg.EventLogRecord]) -> None:
    with open_records(settings.records) as connection:
        for record in ended:
            run = instance.get_run_by_id(record.event_log_entry.run_id)
            if run is None:
                continue  # a person deleted it
            if run.is_success:
                _resolve(instance, connection, settings, run)
            elif run.is_failure:
                _raise(instance, connection, settings, run, record.event_log_entry.user_message)


def _raise(
    instance: dg.DagsterInstance,
    connection: psycopg.Connection[TupleRow],
    settings: Settings,
    run: dg.DagsterRun,
    message: str,
) -> None:
    """One alert for each step that failed, which has its asset's name; for all assets where the process was lost."""
    failures = _events(instance, run, dg.DagsterEventType.STEP_FAILURE)
    kinds = {error.cls_name if (error := event.step_failure_data.error) else None for event in failures}
    if kinds == {CHECK_FAILED}:
        return
    failed = sorted({event.step_key for event in failures if event.step_key}) or sorted(_assets(instance, run))
    if failed == [HELD_ORDERS] and kinds == {ANSWERED}:
        return  # the guard has told of this very order already
    said = "; ".join(filter(None, map(_failure_reason, failures))) or message or "it did not say why"
    reason = settings.redact(said)
    if not kinds:
        report_message(f"Run of {', '.join(failed)} failed without a step that did")
    elif untold := kinds - {ANSWERED, DEFECT}:
        report_message(f"Run of {', '.join(failed)} failed: {', '.join(map(str, untold))}")
    address = settings.dagster.run_address(run.run_id) or "this run in the Dagster UI"
    for asset in failed:
        alert = Alert(
            dedup_key=_key(asset, run),
            severity=Severity.ERROR,
            title=f"Run of {asset} failed",
            body=f"Run {run.run_id}: {reason}\nNext: open {address}",
        )
        raise_alert(connection, settings, alert)


def _failure_reason(failure: dg.DagsterEvent) -> str:
    """Why a step failed: the sentence that was meant for people, or else the error."""
    data = failure.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    return data.error.message.strip() if data.error else ""


def _resolve(
    instance: dg.DagsterInstance, connection: psycopg.Connection[TupleRow], settings: Settings, run: dg.DagsterRun
) -> None:
    """The run's assets work again, each of the partitions that it covered."""
    partitions = _range(instance, run)
    begun = {event.step_key for event in _events(instance, run, dg.DagsterEventType.STEP_START) if event.step_key}
    for asset in sorted(_assets(instance, run) | begun):
        keys = {_key(asset, run)}
        if partitions:
            below = f"run:{asset}:"
            keys |= {key for key in open_alerts(connection, below) if key.removeprefix(below) in partitions}
        for key in sorted(keys):
            resolve_alert(connection, settings, key)


def _assets(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[str]:
    """What the run was to make; its job's name where that was no asset."""
    planned = _events(instance, run, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    return {event.asset_key.to_user_string() for event in planned if event.asset_key} or {run.job_name}


def _range(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[str]:
    """The tenants that the run covered as one range of partitions."""
    first, last = run.tags.get(RANGE_START), run.tags.get(RANGE_END)
    keys = list(instance.get_dynamic_partitions("tenants"))
    if first not in keys or last not in keys:
        return frozenset()
    return frozenset(keys[keys.index(first) : keys.index(last) + 1])


def _key(asset: str, run: dg.DagsterRun) -> str:
    partition = run.tags.get(PARTITION)
    return f"run:{asset}" + (f":{partition}" if partition else "")


def _events(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    records = instance.get_records_for_run(run.run_id, of_type=kind).records
    return [event for record in records if (event := record.event_log_entry.dagster_event)]


definitions = dg.Definitions(sensors=[failed_run])
