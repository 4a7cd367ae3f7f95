"""Closing WAL segments in production until they are archived."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg

from printflow_reliability_tests.stack.conftest import StackSandbox


@contextmanager
def superuser(sandbox: StackSandbox, cluster: str) -> Iterator[psycopg.Connection]:
    """A superuser's session in a cluster, through its socket."""
    directory, port = sandbox.home.path("sockets"), sandbox.home.port(cluster)
    with psycopg.connect(f"host={directory} port={port} user=postgres dbname=postgres", autocommit=True) as connection:
        yield connection


def switch_wal(sandbox: StackSandbox, cluster: str, *, times: int = 1) -> str:
    """Close WAL segments in production and wait until the last of them is archived; its name."""
    with superuser(sandbox, cluster) as connection:
        for _ in range(times):
            connection.execute("SELECT pg_logical_emit_message(true, 'printflow', 'something to archive')")
            row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        assert row is not None
        for _ in range(150):
            archived = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()
            if archived and archived[0] and archived[0][:24] >= row[0]:
                return str(row[0])
            time.sleep(0.1)
    raise AssertionError(f"{row[0]} was not archived within 15 s")


def archived_moment(sandbox: StackSandbox) -> str:
    """A moment after which every cluster committed and archived something."""
    time.sleep(1.1)
    moment = datetime.now(UTC).isoformat()
    switch_wal(sandbox, "live_db")
    switch_wal(sandbox, "admin_db")
    return moment
