"""How a capability that was written for production reads the clones instead."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from printflow_reliability.errors import Refused
from printflow_reliability.platform.queries import Connection, Connector
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.settings import ClusterSettings


def connector(clones: Mapping[str, Clone]) -> Connector:
    """Connections to the clones, by cluster and never by url.

    A cluster of which there is no clone is an error, not a glance at production.
    """

    def connect_with(cluster: ClusterSettings, database: str | None = None) -> AbstractContextManager[Connection]:
        if cluster.name not in clones:
            raise Refused(f"cluster {cluster.name} has no clone in this drill")
        return clones[cluster.name].connect(database)

    return connect_with
