"""One look at a cluster: whether it answers, what it is, how large its database is."""

from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.platform.connect import QUESTION_SECONDS, connect
from printflow_reliability.platform.queries import session
from printflow_reliability.settings import ClusterSettings

LOOK = """
SELECT current_setting('server_version'), pg_is_in_recovery(), pg_postmaster_start_time(),
       pg_database_size(current_database())"""


@dataclass(frozen=True)
class ObservedCluster:
    """A cluster as it answered.

    Attributes:
        version: of the server.
        standby: whether it is in recovery, and so takes no writes.
        started_at: when the server was started.
        database_bytes: the size of the database of the cluster's url.
    """

    version: str
    standby: bool
    started_at: datetime
    database_bytes: int


def observe_cluster(cluster: ClusterSettings) -> ObservedCluster:
    """Look at a cluster.

    Raises:
        CouldNotTell: it does not answer.
    """
    with session(cluster, None, lambda named, _: connect(named, statement_seconds=QUESTION_SECONDS)) as connection:
        return ObservedCluster(*connection.execute(LOOK).fetchall()[0])
