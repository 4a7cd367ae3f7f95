"""What a person does about an alert from the UI: acknowledge it, or silence it for a while."""

import dagster as dg
from pydantic import Field

from printflow_reliability.alerts.attention import acknowledge_alert, duration, silence_alert
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.reporting import as_dagster_failure
from printflow_reliability.records.database import open_records
from printflow_reliability.text import moment


class Acknowledgement(dg.Config):
    """Who takes care of which alert."""

    key: str = Field(description="The alert's key, as printflow alerts list and its message show it.")
    person: str = Field(description="Who takes care of it; kept with the alert.")


class Silence(dg.Config):
    """Which alert is not to be sent, for how long, and why."""

    key: str = Field(description="The alert's key, as printflow alerts list and its message show it.")
    person: str = Field(description="Who decides; kept with the silence.")
    lasting: str = Field(description="For how long: 30m, 2h or 7d; at most 30d.")
    reason: str = Field(description="Why nobody needs to hear of it; kept with the silence.")


@dg.op(description="Acknowledge an open alert, so that it is not escalated.")
def acknowledge(context: dg.OpExecutionContext, config: Acknowledgement, configuration: Configuration) -> None:
    """Record who takes care of the alert."""
    with as_dagster_failure(), open_records(configuration.settings().records) as records:
        given = acknowledge_alert(records, config.key, config.person)
    already = "was already acknowledged" if given.before else "is acknowledged"
    context.log.info(f"{config.key} {already} by {given.person}, {moment(given.at)}")


@dg.op(description="Send nothing of an alert for a while; what is still wrong afterwards is sent then.")
def silence(context: dg.OpExecutionContext, config: Silence, configuration: Configuration) -> None:
    """Record the silence; one of a paid order is refused."""
    with as_dagster_failure(), open_records(configuration.settings().records) as records:
        until = silence_alert(records, config.key, duration(config.lasting), config.reason, config.person)
    context.log.info(f"{config.key} is silent until {moment(until)}")


@dg.job(
    description="Acknowledge an open alert: a person takes care of it, and it is not escalated. Red: no open alert has "
    "that key (printflow alerts list), or the records do not answer."
)
def alert_acknowledgement() -> None:
    """Take its key and the person from the run's configuration."""
    acknowledge()


@dg.job(
    description="Send nothing of an alert for a while. Red: nothing was silenced; the error says why. Alerts of paid "
    "orders are never silenced: acknowledge them."
)
def alert_silence() -> None:
    """Take its key, the person, the time and the reason from the run's configuration."""
    silence()


definitions = dg.Definitions(jobs=[alert_acknowledgement, alert_silence])
