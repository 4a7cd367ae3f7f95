"""What every sensor's tick here has in common: a preview changes nothing, and work that could not be done fails it."""

import socket

import dagster as dg

from printflow_reliability.alerts.heartbeats import Heartbeats

HEARTBEATS = Heartbeats()
"""What this code server has told the watchers last; a new one tells them once more."""


def is_preview(context: dg.SensorEvaluationContext) -> bool:
    """Whether a person tests the sensor in the UI: only the daemon knows when it started the sensor."""
    return context.last_sensor_start_time is None and context.last_tick_completion_time is None


def holder() -> str:
    """As whom Dagster's sensors take their leases: a code server that is started anew takes over its own."""
    return f"Dagster on {socket.gethostname()}"
