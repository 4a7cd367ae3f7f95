"""What must reach a person: failed checks, failed runs, and every alert that still waits in the outbox.

Open-source Dagster sends no alerts, and a failed check that blocks nothing leaves its run green: these sensors watch.
"""

import dagster as dg

from printflow_reliability.alerts.delivery import deliver
from printflow_reliability.alerts.outbox import Alert, raise_alert, resolve_alert
from printflow_reliability.alerts.results import record_results
from printflow_reliability.alerts.sentry import report_message
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import configured
from printflow_reliability.defs.reporting import answer_of, check_specs, covers_whole, plainly, result
from printflow_reliability.defs.schedules import HARMLESS, schedule
from printflow_reliability.errors import PrintflowError
from printflow_reliability.findings import Severity
from printflow_reliability.records.database import open_records

GROUP = "alerts"
INTERVAL_SECONDS = 10
EVALUATIONS_AT_ONCE = 500
SPOKEN_FOR = ("orders.artwork", "alerts.delivery")
"""Checks whose own sensor concludes them with newer knowledge than a recorded evaluation has."""
CHECK_FAILED = "DagsterAssetCheckFailedError"
HELD_ORDER = "judge_held_order"
ANSWERED = "Failure"
"""What `plainly` raises: an error that a person can act on, and no defect of ours."""


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres"},
    freshness_policy=words.EVERY_HOUR,
    check_specs=check_specs("alert_delivery", "alerts.delivery"),
    description="The outbox: what was raised, what reached its route, what still waits.",
)
def alert_delivery(configuration: Configuration) -> dg.MaterializeResult:
    """Deliver what waits, and count."""
    with plainly():
        report = deliver(configuration.settings())
    return result(report, "alerts.delivery")


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Delivers the alerts that wait in the outbox.",
)
def outbox(configuration: Configuration) -> dg.SkipReason:
    """Try what is due; a route that does not answer is itself a failed check."""
    try:
        settings = configuration.settings()
        report = deliver(settings)
        record_results(settings, report.checks, alert=True)
    except PrintflowError as error:
        return dg.SkipReason(str(error))
    return dg.SkipReason("; ".join(check.detail for check in report.checks))


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Turns every new check result into an alert, or resolves the one it raised before.",
)
def check_results_watch(
    context: dg.SensorEvaluationContext, configuration: Configuration
) -> dg.SensorResult | dg.SkipReason:
    """Conclude what was evaluated since the last look; the cursor is the last event's id."""
    events = context.instance.event_log_storage.get_event_records(
        dg.EventRecordsFilter(
            event_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            after_cursor=int(context.cursor) if context.cursor else None,
        ),
        limit=EVALUATIONS_AT_ONCE,
        ascending=True,
    )
    newest: dict[str, CheckResult] = {}
    for event in events:
        dagster_event = event.event_log_entry.dagster_event
        answer = _to_conclude(dagster_event.asset_check_evaluation_data) if dagster_event else None
        if answer:
            newest[answer.check] = answer
    if not events:
        return dg.SkipReason("no new check results")
    try:
        if newest:
            record_results(configuration.settings(), newest.values(), alert=True)
    except PrintflowError as error:
        return dg.SkipReason(str(error))  # the cursor stays, so these are looked at again
    failed = sorted(name for name, answer in newest.items() if answer.outcome is not Outcome.PASS)
    return dg.SensorResult(
        skip_reason=f"{len(events)} results; alerts for {', '.join(failed) or 'none'}",
        cursor=str(events[-1].storage_id),
    )


@dg.run_failure_sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Alerts for a failed run, unless it failed by a check, which alerts by itself.",
)
def failed_run(context: dg.RunFailureSensorContext, configuration: Configuration) -> None:
    """One alert a job, resolved by the job's next success."""
    errors = [event.step_failure_data.error for event in context.get_step_failure_events()]
    names = {error.cls_name if error else None for error in errors}
    if names == {CHECK_FAILED}:
        return
    if context.dagster_run.job_name == HELD_ORDER and names == {ANSWERED}:
        return  # the guard has told of this very order already
    settings = configuration.settings()
    run = context.dagster_run
    reason = settings.redact(context.failure_event.message or "it did not say why")
    if names != {ANSWERED}:
        report_message(settings, f"Run of {_what(run)} failed: {reason}")
    with open_records(settings.records) as connection:
        alert = Alert(
            dedup_key=_run_key(run),
            severity=Severity.ERROR,
            title=f"Run of {_what(run)} failed",
            body=f"Run {run.run_id}: {reason}\nNext: look at this run in the Dagster UI",
        )
        raise_alert(connection, settings, alert)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Resolves the alert of a failed run when the same job succeeds.",
)
def succeeded_run(context: dg.RunStatusSensorContext, configuration: Configuration) -> None:
    """The job works again."""
    settings = configuration.settings()
    with open_records(settings.records) as connection:
        resolve_alert(connection, settings, _run_key(context.dagster_run))


def _to_conclude(evaluation: dg.AssetCheckEvaluation) -> CheckResult | None:
    """The answer to conclude; a part that is silent does not clear what the whole has said."""
    answer = answer_of(evaluation)
    if answer is None or answer.check in SPOKEN_FOR:
        return None
    return answer if covers_whole(evaluation) or answer.outcome is not Outcome.PASS else None


def _what(run: dg.DagsterRun) -> str:
    """What ran, as people call it: the job, or the assets that were chosen by hand."""
    if not run.job_name.startswith("__"):
        return run.job_name
    return ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ())) or "assets"


def _run_key(run: dg.DagsterRun) -> str:
    partition = run.tags.get("dagster/partition")
    return f"run:{_what(run)}" + (f":{partition}" if partition else "")


@dg.definitions
def definitions() -> dg.Definitions:
    """The outbox and the sensors that fill it."""
    graph = configured()
    return dg.Definitions(
        assets=[graph.place(alert_delivery)],
        schedules=[
            schedule(
                "hourly_alert_delivery",
                "37 * * * *",
                ["alert_delivery"],
                "Deliver every alert that waits, and count those that no route took.",
                tags=HARMLESS,
            )
        ],
        sensors=[outbox, check_results_watch, failed_run, succeeded_run],
    )
