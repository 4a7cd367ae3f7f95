"""Alerts for checks: open-source Dagster sends none, and a failed check that blocks nothing leaves its run green."""

from datetime import UTC, datetime

import dagster as dg

from printflow_reliability.alerts.results import record_results
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs.event_cursor import EventCursor
from printflow_reliability.defs.reporting import answer_of, as_dagster_failure, covers_whole
from printflow_reliability.defs.ticks import asked, is_preview, tick_settings

INTERVAL_SECONDS = 60
EVALUATIONS_AT_ONCE = 500
SPOKEN_FOR = ("orders.artwork", "alerts.delivery")
"""Checks whose own sensor concludes them with newer knowledge than a recorded evaluation has."""


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Raises an alert for each check that failed or could not tell; resolves it when the check passes. A "
    "failed tick means that nobody hears of failed checks: look whether the records answer (printflow alerts list); "
    "what was missed is told by the next tick that succeeds.",
)
def check_results_watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Conclude what was evaluated since the last tick."""
    cursor = EventCursor.parse(context.cursor) if context.cursor else EventCursor(0)
    # The one way to ask for the check results of all runs at once.
    records = asked(
        context,
        lambda instance: instance.event_log_storage.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION, after_cursor=cursor.after),
            limit=EVALUATIONS_AT_ONCE + len(cursor.handled),
            ascending=True,
        ),
    )
    new = cursor.new(records)
    newest: dict[str, CheckResult] = {}
    evaluated_in: dict[str, str] = {}
    for record in new:
        event = record.event_log_entry.dagster_event
        answer = _to_conclude(event.asset_check_evaluation_data) if event else None
        if answer:
            newest[answer.check] = answer
            evaluated_in[answer.check] = record.event_log_entry.run_id
    unwell = sorted(name for name, answer in newest.items() if answer.outcome is not Outcome.PASS)
    summary = f"{len(new)} new results; not passed: {', '.join(unwell) or 'none'}"
    if is_preview(context):
        return dg.SensorResult(skip_reason=f"preview, nobody is told: {summary}")
    if newest:
        with as_dagster_failure():
            settings = tick_settings()
            runs = {check: settings.dagster.run_address(run_id) for check, run_id in evaluated_in.items()}
            record_results(settings, newest.values(), alert=True, runs=runs)
    return dg.SensorResult(skip_reason=summary, cursor=cursor.past(records, datetime.now(UTC)).write())


def _to_conclude(evaluation: dg.AssetCheckEvaluation) -> CheckResult | None:
    """The answer to conclude; a part that is silent does not clear what the whole has said."""
    answer = answer_of(evaluation)
    if answer is None or answer.check in SPOKEN_FOR:
        return None
    return answer if covers_whole(evaluation) or answer.outcome is not Outcome.PASS else None


definitions = dg.Definitions(sensors=[check_results_watch])
