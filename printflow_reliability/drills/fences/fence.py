"""The fence: a restore point in every cluster at the same moment, and what every logged table held at that moment.

No lock is taken. Two snapshots around the restore point that are the same prove that nothing became visible between
them, so the second one is the state at the restore point, and is counted in at leisure. Otherwise it is tried again
some milliseconds later.

One thing they do not show: a transaction whose commit is written but not yet visible (it waits for the disk, or for a
standby) is in the clone and not in the second snapshot. It still holds its transaction id. So a moment is looked for in
which nobody holds one; where there is none for long, as under a batch that runs for hours, those who do are noted, and
the clone is asked whether any of them had committed (`comparison.committed_after_all`).

The first snapshots of all clusters are taken before the first restore point and the second ones after the last, so
a moment lies between them in every cluster: all fences of one set are the platform's state at that moment.
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.segment import parse_segment
from printflow_reliability.drills.fences.counts import SAME_TEXT, Counts, Digests, count_rows, databases, logged_tables
from printflow_reliability.drills.production import Production
from printflow_reliability.drills.validation.inventory import Inventory, take_inventory
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect, said, unreachable
from printflow_reliability.settings import ClusterSettings

log = logging.getLogger(__name__)

QUIET_SECONDS = 20.0
"""How long to look for a quiet moment. Measured at 2,200 transactions a second: 6 ms."""
PATIENCE = 0.5
"""The part of that time after which transactions that stay open are let be."""
PAUSE_SECONDS = 0.003
STATE = """
SELECT pg_current_snapshot()::text,
       ARRAY(SELECT transactionid::text::bigint FROM pg_locks
             WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted)
"""
"""The snapshot, and who holds a transaction id: its owner, prepared ones too, holds it until visible."""
RESTORE_POINT = """
SELECT lsn::text, pg_walfile_name(lsn), clock_timestamp() FROM pg_create_restore_point(%s) AS lsn
"""
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
        digests: of the contents of the tables that are small enough.
        production: who the cluster was, for drills that cannot ask it.
        inventory: its databases, extensions and roles.
        open_transactions: ids of those that were open. The counts are without them, and hold for a clone in which none
            of them had committed.
    """

    cluster: str
    name: str
    taken_at: datetime
    timeline: int
    lsn: str
    end_lsn: str
    segment: str
    counts: Counts | None
    digests: Digests | None
    production: Production
    inventory: Inventory = field(default_factory=dict)
    open_transactions: Sequence[int] = ()

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
    """PostgreSQL's snapshot in its text form "xmin:xmax:xip_list": all before xmax ended, but those in progress."""

    xmin: int
    xmax: int
    in_progress: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Read the text form of pg_snapshot."""
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), frozenset(map(int, filter(None, running.split(",")))))

    @property
    def quiet(self) -> bool:
        """Whether no transaction is in progress that is older than the newest that ended."""
        return self.xmin == self.xmax and not self.in_progress


def nothing_between(before: Snapshot, after: Sequence[Snapshot]) -> bool:
    """Whether these snapshots, taken one after the other, prove that nothing became visible between them."""
    return all(one == before for one in after)


def whole_id(short: int, near: int) -> int:
    """The 64 bits of a transaction id of which 32 are known, and one not far from it."""
    distance = (short - near) & 0xFFFFFFFF
    return near + distance - (2**32 if distance >= 2**31 else 0)


def make_fences(
    productions: Mapping[str, Production],
    clusters: Sequence[ClusterSettings],
    name: str,
    *,
    quiet_seconds: float,
    digest_bytes: int,
) -> tuple[Fence, ...]:
    """Make a restore point in every cluster, count, and end the segments they lie in.

    Args:
        productions: who the clusters are, by name.
        clusters: where; the fences come in the same order.
        name: of the restore points in the WAL.
        quiet_seconds: how long to look for a moment in which all clusters are quiet.
        digest_bytes: tables up to this size are compared by content too.

    Raises:
        CouldNotTell: a cluster cannot be reached, or refuses a table or one of the two functions.
    """
    with ExitStack() as stack:
        sides = [_open_side(stack, one) for one in clusters]
        points, still_open = _restore_points(sides, name, quiet_seconds)
        inventories = {side.cluster.name: side.inventory() for side in sides}
        readers = [(side, database) for side in sides for database in side.readers]
        with ThreadPoolExecutor(max_workers=len(readers)) as pool:
            counted = (
                list(pool.map(lambda one: one[0].count(one[1], digest_bytes), readers))
                if still_open is not None
                else []
            )
        held = dict(zip(((side.cluster.name, database) for side, database in readers), counted, strict=False))
        ends = [side.switch_wal() for side in sides]
    fences = []
    known = still_open is not None
    for side, point, end, unfinished in zip(sides, points, ends, still_open or [()] * len(sides), strict=True):
        found = {database: held[side.cluster.name, database] for database in side.readers} if known else {}
        fence = Fence(
            cluster=side.cluster.name,
            name=name,
            taken_at=point.at,
            timeline=productions[side.cluster.name].timeline,
            lsn=point.lsn,
            end_lsn=end,
            segment=point.segment,
            counts={database: rows for database, (rows, _) in found.items()} if known else None,
            digests={database: digests for database, (_, digests) in found.items()} if known else None,
            production=productions[side.cluster.name],
            inventory=inventories[side.cluster.name],
            open_transactions=unfinished,
        )
        fences.append(fence)
    return tuple(fences)


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


@dataclass(frozen=True)
class _RestorePoint:
    lsn: str
    segment: str
    at: datetime


@dataclass(frozen=True)
class _Side:
    """One cluster while its fence is made: a connection that writes restore points, and a reader a database."""

    cluster: ClusterSettings
    writer: psycopg.Connection
    readers: Mapping[str, psycopg.Connection]

    def state(self) -> tuple[Snapshot, tuple[int, ...]]:
        """The snapshot of this moment, and the transactions that are open."""
        with self._explained():
            row = self.writer.execute(STATE).fetchone()
        if row is None:
            raise CouldNotTell(f"cluster {self.cluster.name} does not say which transactions are open")
        snapshot = Snapshot.parse(row[0])
        return snapshot, tuple(sorted(whole_id(short, snapshot.xmax) for short in row[1]))

    def restore_point(self, name: str) -> _RestorePoint:
        """Write one."""
        with self._explained():
            row = self.writer.execute(RESTORE_POINT, (name,)).fetchone()
        if row is None:
            raise CouldNotTell("pg_create_restore_point returned nothing")
        return _RestorePoint(*row)

    def open_snapshots(self) -> list[Snapshot]:
        """Begin a transaction in each database that sees this moment until it ends."""
        with self._explained():
            return [_open_snapshot(reader) for reader in self.readers.values()]

    def close_snapshots(self) -> None:
        """End them."""
        with self._explained():
            for reader in self.readers.values():
                reader.execute("ROLLBACK")

    def inventory(self) -> dict[str, str]:
        """Its databases, extensions and roles, in the open snapshots."""
        with self._explained():
            return {name: kind for reader in self.readers.values() for name, kind in take_inventory(reader).items()}

    def count(self, database: str, digest_bytes: int) -> tuple[dict[str, int], dict[str, str]]:
        """Rows of every table in the open snapshot, and digests of the small ones."""
        reader = self.readers[database]
        rows, digests = {}, {}
        with self._explained():
            reader.execute(SAME_TEXT)
            for table in logged_tables(reader):
                number, digest = count_rows(reader, table, digest=table.bytes <= digest_bytes)
                rows[table.label] = number
                if digest is not None:
                    digests[table.label] = digest
            reader.execute("ROLLBACK")
        return rows, digests

    def switch_wal(self) -> str:
        """End the segment, so that it can be archived; where it ended."""
        with self._explained():
            row = self.writer.execute("SELECT pg_switch_wal()::text").fetchone()
        if row is None:
            raise CouldNotTell(f"cluster {self.cluster.name} did not switch its WAL segment")
        return str(row[0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say of which cluster an error is: connections of several are open at once."""
        try:
            yield
        except psycopg.OperationalError as lost:
            raise unreachable(self.cluster, lost) from None
        except psycopg.DatabaseError as refused:
            reason = said(refused)
            raise CouldNotTell(
                f"cluster {self.cluster.name} refuses what a fence needs: {reason}",
                "GRANT pg_read_all_data TO its role, and EXECUTE ON FUNCTION pg_create_restore_point(text), "
                "pg_switch_wal(); where tables have row security the role needs BYPASSRLS",
            ) from None


def _open_side(stack: ExitStack, cluster: ClusterSettings) -> _Side:
    writer = stack.enter_context(connect(cluster, read_only=False))
    readers = {one: stack.enter_context(connect(cluster, database=one)) for one in databases(writer)}
    return _Side(cluster, writer, readers)


def _restore_points(
    sides: Sequence[_Side], name: str, quiet_seconds: float
) -> tuple[list[_RestorePoint], list[tuple[int, ...]] | None]:
    """Restore points between two equal snapshots; readers are left in the second, in transactions.

    Returns the last ones, and the transactions that were open then; None if the snapshots were never equal.
    """
    began = time.monotonic()
    while True:
        gone = time.monotonic() - began
        patient = gone < quiet_seconds * PATIENCE
        before = [side.state() for side in sides]
        # Pointless restore points are spared: they cost WAL.
        if patient and any(still_open or not snapshot.quiet for snapshot, still_open in before):
            time.sleep(PAUSE_SECONDS)
            continue
        points = [side.restore_point(name) for side in sides]
        open_after = [side.state()[1] for side in sides]
        after = [side.open_snapshots() for side in sides]
        unchanged = all(nothing_between(one[0], later) for one, later in zip(before, after, strict=True))
        if unchanged and not (patient and any(open_after)):
            return points, open_after
        for side in sides:
            side.close_snapshots()
        if gone > quiet_seconds:
            log.warning("no moment in which nothing became visible within %.0f s", quiet_seconds)
            return points, None
        time.sleep(PAUSE_SECONDS)


def _open_snapshot(reader: psycopg.Connection) -> Snapshot:
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    row = reader.execute("SELECT pg_current_snapshot()::text").fetchone()
    return Snapshot.parse(row[0] if row else "")
