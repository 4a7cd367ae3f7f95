"""The fence: a restore point in production and the exact counts of every logged table at that very moment.

No lock is taken. Two snapshots around the restore point that are both quiet and have the same next transaction id prove
that nothing became visible between them. A transaction whose commit is written but not yet visible (it waits for the
disk, or for a standby) would be in the clone and not in the second snapshot, and snapshots do not show it while it is
the newest; so none may hold a transaction id just after the restore point. Then the second snapshot is the state at the
restore point, and is counted in at leisure. Otherwise it is tried again some milliseconds later.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

import psycopg

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_segment
from printflow_reliability.drills.counts import Counts, count_rows, databases, logged_tables
from printflow_reliability.drills.production import Production
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect
from printflow_reliability.settings import ClusterSettings

log = logging.getLogger(__name__)

QUIET_SECONDS = 20.0
"""How long to look for a quiet moment. Measured at 2,200 transactions a second: 6 ms."""
PAUSE_SECONDS = 0.003
STATE = """
SELECT pg_current_snapshot()::text,
       EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted)
"""
"""The snapshot, and whether anybody holds a transaction id: its owner, prepared ones too, holds it until visible."""
LOOK_IN_REPOSITORY_SECONDS = 3.0


@dataclass(frozen=True)
class Fence:
    """A restore point that a clone must stop at and agree with.

    Attributes:
        cluster: where it was made.
        name: the restore point's name in the WAL.
        taken_at: on the cluster's own clock.
        timeline: the timeline it lies on.
        lsn: where the record of the restore point ends.
        end_lsn: where the segment that holds it was ended, so that it could be archived.
        segment: that segment's name.
        counts: rows by database and table; None if production was never quiet long enough to count exactly.
        tries: how many restore points it took.
    """

    cluster: str
    name: str
    taken_at: datetime
    timeline: int
    lsn: str
    end_lsn: str
    segment: str
    counts: Counts | None
    tries: int

    @property
    def tables(self) -> int:
        """How many tables were counted."""
        return sum(len(tables) for tables in (self.counts or {}).values())

    @property
    def rows(self) -> int:
        """How many rows they held."""
        return sum(sum(tables.values()) for tables in (self.counts or {}).values())


@dataclass(frozen=True)
class Snapshot:
    """PostgreSQL's snapshot in its text form "xmin:xmax:xip_list"."""

    xmin: int
    xmax: int
    in_progress: bool

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Read the text form of pg_snapshot."""
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), bool(running))

    @property
    def quiet(self) -> bool:
        """Whether no transaction is in progress that is older than the newest that ended."""
        return self.xmin == self.xmax and not self.in_progress


def nothing_between(before: Snapshot, after: Sequence[Snapshot]) -> bool:
    """Whether these snapshots, taken one after the other, prove that nothing became visible between them."""
    return before.quiet and all(one.quiet and one.xmax == before.xmax for one in after)


def make_fence(cluster: ClusterSettings, production: Production, name: str, *, quiet_seconds: float) -> Fence:
    """Make a restore point, count, and end the segment it lies in.

    Raises:
        CouldNotTell: the cluster cannot be reached, or refuses a table or one of the two functions.
    """
    with ExitStack() as stack:
        writer = stack.enter_context(connect(cluster, read_only=False))
        names = databases(writer)
        readers = {one: stack.enter_context(connect(cluster, database=one)) for one in names}
        try:
            point, quiet, tries = _restore_point(writer, list(readers.values()), name, quiet_seconds)
            counts = {one: _count(reader) for one, reader in readers.items()} if quiet else None
            switched = writer.execute("SELECT pg_switch_wal()::text").fetchone()
        except psycopg.OperationalError:
            raise  # `connect` knows what to say of a lost connection
        except psycopg.DatabaseError as refused:
            reason = refused.diag.message_primary or " ".join(str(refused).split())
            raise CouldNotTell(
                f"cluster {cluster.name} refuses what a fence needs: {reason}",
                "GRANT pg_read_all_data TO its role, and EXECUTE ON FUNCTION pg_create_restore_point(text), "
                "pg_switch_wal(); where tables have row security the role needs BYPASSRLS",
            ) from None
    if switched is None:
        raise CouldNotTell(f"cluster {cluster.name} did not switch its WAL segment")
    return Fence(
        cluster=cluster.name,
        name=name,
        taken_at=point.at,
        timeline=production.timeline,
        lsn=point.lsn,
        end_lsn=switched[0],
        segment=point.segment,
        counts=counts,
        tries=tries,
    )


def await_archived(
    cluster: ClusterSettings,
    fence: Fence,
    repository: PgBackRest,
    number: int,
    archive_id: str,
    *,
    segment_bytes: int,
    timeout: float,
) -> None:
    """Wait until the fence's segment is in the repository.

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
        time.sleep(0.1)


@dataclass(frozen=True)
class _RestorePoint:
    lsn: str
    segment: str
    at: datetime


def _restore_point(
    writer: psycopg.Connection, readers: Sequence[psycopg.Connection], name: str, quiet_seconds: float
) -> tuple[_RestorePoint, bool, int]:
    """Restore points until one falls into a quiet moment; each reader is left in a transaction at that state.

    Returns the last restore point, whether it is that one, and how many were made.
    """
    deadline = time.monotonic() + quiet_seconds
    tries = 0
    while True:
        tries += 1
        before, busy = _state(writer)
        # Pointless restore points are spared: they cost WAL.
        if (busy or not before.quiet) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
            continue
        row = writer.execute(
            "SELECT lsn::text, pg_walfile_name(lsn), clock_timestamp() FROM pg_create_restore_point(%s) AS lsn", (name,)
        ).fetchone()
        if row is None:
            raise CouldNotTell("pg_create_restore_point returned nothing")
        point = _RestorePoint(*row)
        _, busy = _state(writer)
        after = [_open_snapshot(reader) for reader in readers]
        if not busy and nothing_between(before, after):
            return point, True, tries
        for reader in readers:
            reader.execute("ROLLBACK")
        if time.monotonic() > deadline:
            log.warning("no quiet moment within %.0f s and %d tries", quiet_seconds, tries)
            return point, False, tries
        time.sleep(PAUSE_SECONDS)


def _state(connection: psycopg.Connection) -> tuple[Snapshot, bool]:
    row = connection.execute(STATE).fetchone()
    return Snapshot.parse(row[0] if row else ""), bool(row and row[1])


def _snapshot(connection: psycopg.Connection) -> Snapshot:
    row = connection.execute("SELECT pg_current_snapshot()::text").fetchone()
    return Snapshot.parse(row[0] if row else "")


def _open_snapshot(connection: psycopg.Connection) -> Snapshot:
    """Begin a transaction that sees this moment until it ends."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return _snapshot(connection)


def _count(reader: psycopg.Connection) -> dict[str, int]:
    # With row security a policy would make the number smaller, without a word.
    reader.execute("SET LOCAL row_security = off")
    counts = {f"{schema}.{table}": count_rows(reader, schema, table) for schema, table in logged_tables(reader)}
    reader.execute("ROLLBACK")
    return counts
