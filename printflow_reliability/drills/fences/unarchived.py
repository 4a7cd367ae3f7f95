"""What would be lost if the disaster came now: commits whose WAL is not archived yet.

A drill's fence ends the segment that it lies in and so sends WAL on its way, which a real disaster would have taken
along. So this is looked at before the fence is made, and a drill's RPO is never better than it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect
from printflow_reliability.restore.production import newest_heartbeat
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.text import seconds

STATE = """
SELECT clock_timestamp(),
       coalesce((SELECT w.modification FROM pg_ls_waldir() w WHERE w.name = left(a.last_archived_wal, 24)),
                a.last_archived_time),
       (SELECT setting::float FROM pg_settings WHERE name = 'archive_timeout')
FROM pg_stat_archiver a
"""
"""A segment was last written to when it was full or was ended; if it is recycled by now, when it was archived."""


@dataclass(frozen=True)
class UnarchivedWal:
    """One cluster's WAL that is on its own machine alone.

    Attributes:
        seconds: how long ago the newest archived segment ended, where something was committed since; else 0.
        archive_timeout: after how many seconds PostgreSQL ends a segment that is not full; 0 is never.
        heartbeat_age: of the newest heartbeat in production, in seconds on its clock; None if there is none.
    """

    cluster: str
    seconds: float
    archive_timeout: float
    heartbeat_age: float | None = None


def look_at_unarchived(cluster: ClusterSettings, *, heartbeat_key: str) -> UnarchivedWal:
    """Look at a cluster in production.

    Without a heartbeat nobody knows whether anything was committed since, and then nothing is claimed.

    Raises:
        ConfigError: the database refuses the heartbeat's query.
        CouldNotTell: it cannot be reached.
    """
    heartbeat = newest_heartbeat(cluster, key=heartbeat_key)
    with connect(cluster) as connection:
        row = connection.execute(STATE).fetchone()
    if row is None:
        raise CouldNotTell(f"cluster {cluster.name} says nothing of its archiving")
    now, archived_to, timeout = row
    lost = (now - archived_to).total_seconds() if heartbeat and archived_to and heartbeat > archived_to else 0.0
    age = (now - heartbeat).total_seconds() if heartbeat else None
    return UnarchivedWal(cluster.name, max(0.0, lost), timeout, age)


def stopped_heartbeats(clusters: Iterable[UnarchivedWal], rpo_target_seconds: float) -> str:
    """Why the RPO cannot be measured by heartbeats; empty if it can.

    A heartbeat that is older than the target in production itself, or lies in its future, says nothing of what was
    lost: the clone has it either way.
    """
    told = []
    for cluster in clusters:
        if cluster.heartbeat_age is None or abs(cluster.heartbeat_age) <= rpo_target_seconds:
            continue
        word = "stands still: it is" if cluster.heartbeat_age > 0 else "lies in the future: it is"
        side = "old" if cluster.heartbeat_age > 0 else "ahead"
        told.append(
            f"the heartbeat of {cluster.cluster} {word} {seconds(abs(cluster.heartbeat_age))} {side} in production"
        )
    return "; ".join(told) + ". Next: find out why nothing writes it" if told else ""
