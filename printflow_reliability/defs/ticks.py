"""What every sensor's tick here has in common: a preview changes nothing, and work that could not be done fails it.

Ticks are what an idle installation does, so what each of them would open anew is kept from one to the next.
"""

import socket
from collections.abc import Callable
from typing import TypeVar

import dagster as dg

from printflow_reliability.alerts.heartbeats import Heartbeats
from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.kept_instance import KeptInstance
from printflow_reliability.kept_connections import KeptConnections
from printflow_reliability.settings import Settings

Answer = TypeVar("Answer")

HEARTBEATS = Heartbeats()
"""What this code server has told the watchers last; a new one tells them once more."""
KEPT = KeptConnections()
"""The connections of this code server's ticks to the databases and buckets, from one to the next."""
INSTANCE = KeptInstance()


def tick_settings() -> Settings:
    """The settings as the file says now, and not by way of a resource: for one, Dagster opens its instance each tick.

    Raises:
        ConfigError: there is no file, or it is wrong.
    """
    return Configuration().settings()


def asked(context: dg.SensorEvaluationContext, question: Callable[[dg.DagsterInstance], Answer]) -> Answer:
    """What Dagster's own storage answers; a question only reads, since it may be asked twice."""
    ref = context.instance_ref
    return question(context.instance) if ref is None else INSTANCE.ask(ref, question)


def is_preview(context: dg.SensorEvaluationContext) -> bool:
    """Whether a person tests the sensor in the UI: only the daemon knows when it started the sensor."""
    return context.last_sensor_start_time is None and context.last_tick_completion_time is None


def holder() -> str:
    """As whom Dagster's sensors take their leases: a code server that is started anew takes over its own."""
    return f"Dagster on {socket.gethostname()}"
