"""Waiting until a fence's segment is in the repository."""

import threading
import time

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_segment
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect
from printflow_reliability.restore.fence import Fence
from printflow_reliability.settings import ClusterSettings

LOOK_IN_REPOSITORY_SECONDS = 3.0


def await_archived(
    cluster: ClusterSettings,
    fence: Fence,
    repository: PgBackRest,
    number: int,
    archive_id: str,
    *,
    segment_bytes: int,
    timeout: float,
    over: threading.Event,
) -> None:
    """Wait until the fence's segment is in the repository, or until nobody is interested any more (`over`).

    PostgreSQL's own word is asked often, the repository now and then: with another repository's server dead, archiving
    counts as failed though this repository has the segment.

    Raises:
        CouldNotTell: it is not there in time.
    """
    wanted = parse_segment(fence.segment, segment_bytes)
    deadline = time.monotonic() + timeout
    look = time.monotonic() + LOOK_IN_REPOSITORY_SECONDS
    while True:
        with connect(cluster) as connection:
            row = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()
        newest = row[0][:24] if row and row[0] else ""
        if newest and ".history" not in row[0] and parse_segment(newest, segment_bytes) >= wanted:  # type: ignore[index]
            return
        if time.monotonic() > look:
            folder = f"archive/{cluster.stanza}/{archive_id}/{fence.segment[:16]}"
            if any(file.name.startswith(fence.segment) for file in repository.repo_ls(folder, number)):
                return
            look = time.monotonic() + LOOK_IN_REPOSITORY_SECONDS
        if time.monotonic() > deadline:
            raise CouldNotTell(
                f"the segment {fence.segment} of cluster {cluster.name} was not archived within {timeout:.0f} s",
                f"printflow wal verify {cluster.name}, and read archive_command's errors in its log",
            )
        if over.wait(0.1):
            return
