"""What a fence asks of one cluster, in sessions which all hold one moment's snapshot."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.drills.fences.reachable import (
    TOO_FEW,
    find_connectable,
    free_connections,
    quote,
)
from printflow_reliability.drills.fences.reading import NotCounted, Reading, read_table
from printflow_reliability.drills.fences.sessions import Sessions
from printflow_reliability.drills.fences.snapshot import Snapshot, whole_id
from printflow_reliability.drills.fences.templates import TemplateRead, read_template
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore.counts import logged_tables
from printflow_reliability.restore.gaps import ALL, Gaps
from printflow_reliability.restore.inventory import take_inventory
from printflow_reliability.settings import ClusterSettings

FIRST_LOCK, SECOND_LOCK = "300ms", "3s"
"""How long to wait for a table that somebody has locked; all others are counted before the second wait."""
LOCKED_SECONDS = 30.0
"""How long to wait a second time for all of them together."""
STATE = b"""
SELECT pg_current_snapshot()::text,
       ARRAY(SELECT transactionid::text::bigint FROM pg_locks
             WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted)
"""
"""The snapshot, and who holds a transaction id: its owner, prepared ones too, holds it until visible."""
RESTORE_POINT = b"""
SELECT lsn::text, pg_walfile_name(lsn), clock_timestamp() FROM pg_create_restore_point(%s) AS lsn
"""
REASONS = {
    NotCounted.LOCKED: f"a lock kept others away from it for more than {SECOND_LOCK}",
    NotCounted.CHANGED: "it was rewritten, truncated, renamed or dropped while it was counted",
}


@dataclass(frozen=True)
class RestorePoint:
    """A restore point in the WAL."""

    lsn: str
    segment: str
    at: datetime


class Side:
    """What a fence asks of one cluster, in a session of each of its databases.

    Attributes:
        cluster: which one.
        sessions: its sessions, and the databases that have none.
    """

    def __init__(self, stack: ExitStack, cluster: ClusterSettings) -> None:
        """Open the sessions.

        Raises:
            CouldNotTell: the cluster cannot be reached.
        """
        self.cluster = cluster
        self.sessions = Sessions(stack, cluster)

    def state(self) -> tuple[Snapshot, tuple[int, ...]]:
        """The snapshot of this moment, and the transactions that are open."""
        with self.sessions.explained():
            row = self.sessions.first.execute(STATE).fetchone()
        if row is None:
            raise CouldNotTell(f"cluster {self.cluster.name} does not say which transactions are open")
        snapshot = Snapshot.parse(row[0].decode())
        return snapshot, tuple(sorted(whole_id(short, snapshot.xmax) for short in row[1]))

    def restore_point(self, name: str) -> RestorePoint:
        """Write one."""
        with self.sessions.explained():
            row = self.sessions.first.execute(RESTORE_POINT, (name,)).fetchone()
        if row is None:
            raise CouldNotTell("pg_create_restore_point returned nothing")
        return RestorePoint(row[0].decode(), row[1].decode(), row[2])

    def open_snapshots(self) -> list[Snapshot]:
        """Begin a transaction in each database that sees this moment until it ends."""
        found = []
        for database, session in list(self.sessions.by_database.items()):
            with self.sessions.explained(database):
                session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                row = session.execute("SELECT pg_current_snapshot()::text").fetchone()
                found.append(Snapshot.parse(row[0].decode() if row else ""))
        return found

    def close_snapshots(self) -> None:
        """End them."""
        for database, session in list(self.sessions.by_database.items()):
            with self.sessions.explained(database):
                session.execute("ROLLBACK")

    def inventory(self) -> dict[str, str]:
        """Its databases, extensions and roles, in the open snapshots; notes databases that were made just now."""
        found: dict[str, str] = {}
        with self.sessions.explained():
            new = find_connectable(self.sessions.first) - {
                *self.sessions.by_database,
                *self.sessions.templates,
                *self.sessions.left_out,
                *self.sessions.untold,
            }
            self.sessions.untold |= dict.fromkeys(sorted(new), "it was made or renamed while the fence was")
        for database, session in list(self.sessions.by_database.items()):
            with self.sessions.explained(database):
                found |= take_inventory(session, cluster=session is self.sessions.first)
        return found

    def read(self, database: str, snapshot: Snapshot, digest_bytes: int) -> dict[str, Reading]:
        """Count every table of a database in its open snapshot, read the content of small ones, and end it."""
        readings: dict[str, Reading] = {}
        with self.sessions.explained(database):
            session = self.sessions.by_database[database]
            tables = logged_tables(session)
            session.execute(f"SET lock_timeout = '{FIRST_LOCK}'".encode())
            for table in tables:
                readings[table.label] = read_table(session, table, digest_bytes=digest_bytes, snapshot=snapshot)
            session.execute(f"SET lock_timeout = '{SECOND_LOCK}'".encode())
            deadline = time.monotonic() + LOCKED_SECONDS
            for table in tables:
                if readings[table.label].trouble is NotCounted.LOCKED and time.monotonic() < deadline:
                    readings[table.label] = read_table(session, table, digest_bytes=digest_bytes, snapshot=snapshot)
            session.execute("ROLLBACK")
        return {label: _named(reading, self.sessions.first.info.user) for label, reading in readings.items()}

    def read_templates(self, digest_bytes: int) -> dict[str, TemplateRead]:
        """What each template holds; one after the other, and none where few connections are left."""
        found = {}
        for database in self.sessions.templates:
            with self.sessions.explained():
                room = free_connections(self.sessions.first, 1)
            few = TemplateRead({}, {}, TOO_FEW)
            found[database] = read_template(self.cluster, database, digest_bytes) if room else few
        return found

    def gaps(self, read: dict[str, dict[str, Reading]]) -> Gaps:
        """What is not known of the cluster, after its tables were read."""
        untold: dict[str, dict[str, str]] = {database: {ALL: why} for database, why in self.sessions.untold.items()}
        damaged: dict[str, dict[str, str]] = {}
        for database, readings in read.items():
            for table, reading in readings.items():
                if database in self.sessions.by_database and reading.trouble is not None:
                    kind = damaged if reading.trouble is NotCounted.DAMAGED else untold
                    kind.setdefault(database, {})[table] = reading.reason
        return Gaps(dict(self.sessions.left_out), untold, damaged)

    def switch_wal(self) -> str:
        """End the segment, so that it can be archived; where it ended."""
        with self.sessions.explained():
            row = self.sessions.first.execute("SELECT pg_switch_wal()::text").fetchone()
        if row is None:
            raise CouldNotTell(f"cluster {self.cluster.name} did not switch its WAL segment")
        return str(row[0].decode())


def _named(reading: Reading, role: str) -> Reading:
    """The reading of a table with a reason for people, and the grant that is missing."""
    if reading.trouble is NotCounted.REFUSED:
        bypass = "row-level security" in reading.reason
        grant = f"ALTER ROLE {quote(role)} BYPASSRLS" if bypass else f"GRANT pg_read_all_data TO {quote(role)}"
        return Reading(None, trouble=reading.trouble, reason=f"{reading.reason}. Next: {grant}")
    reason = REASONS.get(reading.trouble, reading.reason) if reading.trouble else reading.reason
    return Reading(reading.rows, reading.digest, reading.trouble, reason)
