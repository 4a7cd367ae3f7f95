"""A sensor or schedule whose ticks fail is told by another one: its own failure keeps it from telling anything.

This one's own failure is told by the sensor of failed runs.
"""

from collections.abc import Collection, Mapping
from functools import partial

import dagster as dg

from printflow_reliability.alerts.outbox import Alert, open_alerts, raise_alert, resolve_alert
from printflow_reliability.defs.reporting import as_dagster_failure
from printflow_reliability.defs.ticks import asked, is_preview, tick_settings
from printflow_reliability.findings import Severity
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import Settings

INTERVAL_SECONDS = 60
IN_A_ROW = {"SENSOR": 3, "SCHEDULE": 1}
"""Failed ticks after which a person hears: a sensor tries again within seconds, a schedule perhaps in a week."""
PREFIX = "tick:"


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Raises an alert for each sensor whose last three ticks failed and each schedule whose last one did; "
    "resolves it when a tick succeeds. A failed tick of its own means that nobody hears of others that fail: look "
    "whether the records answer (printflow alerts list).",
)
def failed_ticks(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look at the newest ticks of everything that watches."""
    failing, well = asked(context, newest_ticks)
    summary = f"ticks that fail: {', '.join(sorted(failing)) or 'none'}"
    if is_preview(context):
        return dg.SkipReason(f"preview, nobody is told: {summary}")
    with as_dagster_failure():
        _conclude(tick_settings(), failing, well)
    return dg.SkipReason(summary)


def tell_of_failed_ticks(context: dg.SensorEvaluationContext) -> None:
    """Raise the alert of this sensor itself, if its ticks fail; it resolves that when it works again."""
    failing, _ = asked(context, partial(newest_ticks, only=failed_ticks.name))
    if failing:
        with as_dagster_failure():
            _conclude(tick_settings(), failing, ())


def newest_ticks(instance: dg.DagsterInstance, *, only: str | None = None) -> tuple[dict[str, str], frozenset[str]]:
    """The sensors and schedules whose ticks fail, with the newest error, and those whose newest tick did not."""
    failing: dict[str, str] = {}
    well: set[str] = set()
    for state in instance.all_instigator_state():
        in_a_row = IN_A_ROW.get(state.instigator_type.value)
        if in_a_row is None or not state.is_running or only not in (None, state.instigator_name):
            continue
        found = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=in_a_row + 1)
        ended = [tick for tick in found if tick.status.value != "STARTED"][:in_a_row]
        failed = [tick for tick in ended if tick.status.value == "FAILURE"]
        if ended and failed[:1] != ended[:1]:
            well.add(state.instigator_name)
        elif len(failed) == in_a_row:
            error = failed[0].error
            failing[state.instigator_name] = error.message.strip() if error else "it did not say why"
    return failing, frozenset(well)


def _conclude(settings: Settings, failing: Mapping[str, str], well: Collection[str]) -> None:
    with open_records(settings.records) as records:
        known = set(open_alerts(records, PREFIX))
        for name in sorted(well):
            if f"{PREFIX}{name}" in known:
                resolve_alert(records, settings, f"{PREFIX}{name}")
        for name in sorted(failing):
            if f"{PREFIX}{name}" not in known:
                raise_alert(records, settings, _alert(name, failing[name]))


def _alert(name: str, error: str) -> Alert:
    body = (
        f"{error}\nWhat it watches or starts stands still.\nNext: open {name} in the Dagster UI, and mend what it names"
    )
    return Alert(f"{PREFIX}{name}", Severity.ERROR, f"The ticks of {name} fail", body)


definitions = dg.Definitions(sensors=[failed_ticks])
