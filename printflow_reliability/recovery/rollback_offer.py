"""What `recover` offers as its last step: the buckets back to the moment that the recovered databases reached.

It is offered and never done: where only the databases were damaged, the files of now are the right ones.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from printflow_reliability.recovery.rollback import STANDS_AT


class RecoveredDatabase(Protocol):
    """What tells where a recovered cluster stands."""

    @property
    def newest_heartbeat(self) -> datetime | None: ...

    @property
    def last_commit_at(self) -> datetime | None: ...


def reached_moment(clusters: Collection[RecoveredDatabase], asked: datetime | None) -> datetime | None:
    """The moment, to the second, that all of these clusters reached; None if nothing tells.

    Args:
        clusters: those that refer to files.
        asked: the moment that was asked for; None for the end of WAL. It is what they reached only if their heartbeats
            come near it, since WAL may end before.
    """
    heartbeats = [cluster.newest_heartbeat for cluster in clusters if cluster.newest_heartbeat is not None]
    if asked is not None and all(abs(asked - heartbeat) <= STANDS_AT for heartbeat in heartbeats):
        return asked.replace(microsecond=0)
    reached = [newest for cluster in clusters if (newest := _newest(cluster)) is not None]
    return min(reached).replace(microsecond=0) if len(reached) == len(clusters) > 0 else None


def rollback_command(moment: datetime) -> str:
    """The command that plans the rollback; --apply does it."""
    return f"printflow files rollback --to {moment:%Y-%m-%dT%H:%M:%SZ}"


def _newest(cluster: RecoveredDatabase) -> datetime | None:
    """The newest commit, as long as the heartbeat that `files rollback` asks for is near it."""
    heartbeat, commit = cluster.newest_heartbeat, cluster.last_commit_at
    if heartbeat is None or commit is None:
        return heartbeat or commit
    return commit if heartbeat <= commit <= heartbeat + STANDS_AT else heartbeat
