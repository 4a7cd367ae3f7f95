"""The outbox in the graph: what was raised, what reached its route, and a sensor that delivers what waits."""

import dagster as dg

from printflow_reliability.alerts.delivery import deliver
from printflow_reliability.alerts.turn import outbox_turn
from printflow_reliability.defs import vocabulary as words
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.graph import configured
from printflow_reliability.defs.reporting import as_dagster_failure, check_specs, result
from printflow_reliability.defs.schedules import HARMLESS, SHORT_LIVED, schedule
from printflow_reliability.defs.ticks import HEARTBEATS, KEPT, holder, is_preview, tick_settings

GROUP = "alerts"
INTERVAL_SECONDS = 15


@dg.asset(
    group_name=GROUP,
    owners=words.OWNERS,
    kinds={"postgres"},
    freshness_policy=words.EVERY_HOUR,
    check_specs=check_specs("alert_delivery", "alerts.delivery"),
    description="The outbox: alerts that were raised, that reached their route, that still wait. Red: an alert reached "
    "nobody. See printflow alerts list, then try the routes: printflow alerts test",
)
def alert_delivery(configuration: Configuration) -> dg.MaterializeResult:
    """Deliver what waits, and count."""
    with as_dagster_failure():
        report = deliver(configuration.settings())
    return result(report, "alerts.delivery")


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Delivers the alerts that wait in the outbox. A failed tick means that an alert reached nobody: its "
    "error says which route did not take it, or that the records do not answer (printflow alerts test). It stands by "
    "while printflow watch has the lease.",
)
def outbox(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Try what is due; a route that does not take it is itself a failed check, and fails the tick."""
    if is_preview(context):
        return dg.SkipReason("preview: nothing is delivered")
    with as_dagster_failure(), KEPT.used():
        turn = outbox_turn(tick_settings(), holder(), HEARTBEATS)
    if turn.failed:
        raise dg.Failure(turn.describe())
    return dg.SkipReason(turn.describe())


@dg.definitions
def definitions() -> dg.Definitions:
    """The outbox, and what empties it."""
    graph = configured()
    return dg.Definitions(
        assets=[graph.place(alert_delivery)],
        schedules=[
            schedule(
                "hourly_alert_delivery",
                "37 * * * *",
                ["alert_delivery"],
                "Deliver every alert that waits, and count those that no route took.",
                tags=HARMLESS | SHORT_LIVED,
            )
        ],
        sensors=[outbox],
    )
