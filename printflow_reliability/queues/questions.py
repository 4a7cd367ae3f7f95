"""Connections for looks at queues, which must end soon."""

from contextlib import AbstractContextManager

from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.queries import Connection
from printflow_reliability.settings import ClusterSettings

STATEMENT_SECONDS = 15
"""How long a question about a queue may run."""


def connect_for_question(cluster: ClusterSettings, database: str | None) -> AbstractContextManager[Connection]:
    """A connection whose statements end within a look's time."""
    return connect(cluster, database=database, statement_seconds=STATEMENT_SECONDS)
