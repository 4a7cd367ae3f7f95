"""What a clone, paused at its fence, says of its rows: every table of every database that opens."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import psycopg

from printflow_reliability.drills.fences.reading import NotCounted, Reading, read_table
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.counts import logged_tables, prepare, unlogged_tables
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.validation.databases import Database, find_databases
from printflow_reliability.restore.validation.observations import Observation, refused, unknown

COUNT_SECONDS = 3600
"""How long one table may take to count."""
ANY_SIZE = 2**62
SESSIONS = 2
LOCKED = "a transaction that was open at the fence keeps it locked in the clone"


@dataclass(frozen=True)
class CloneRows:
    """A clone's rows.

    Attributes:
        readings: by database and table; a database that could not be listed has none.
        unlogged: tables by database that come back empty by design.
        closed: databases that did not open, or not wholly, and what that means.
    """

    readings: Mapping[str, Mapping[str, Reading]]
    unlogged: Mapping[str, tuple[str, ...]]
    closed: Mapping[str, Observation]


def read_clone(clone: Clone, fence: Fence) -> CloneRows:
    """Count in every database; content is read of those tables of which the fence has a digest.

    Raises:
        CouldNotTell: the clone does not answer at all.
        Refused: what answers is another server.
    """
    found = find_databases(clone)
    # A fence leaves templates out.
    counted = [
        database for database in found.answering if not database.is_template or database.name in (fence.counts or {})
    ]
    read = run_parallel([partial(_read, database, fence) for database in counted], workers=SESSIONS)
    return CloneRows(
        {database.name: readings for database, (readings, _, _) in zip(counted, read, strict=True)},
        {database.name: unlogged for database, (_, unlogged, _) in zip(counted, read, strict=True)},
        {**found.closed, **{database.name: seen for database, (_, _, seen) in zip(counted, read, strict=True) if seen}},
    )


def committed_after_all(clone: Clone, fence: Fence) -> int:
    """How many transactions that production did not see yet, when it counted, are committed in the paused clone.

    Their rows are in the clone and not in the counts, so these cannot be compared.

    Raises:
        CouldNotTell: the clone went away.
    """
    committed = 0
    if not fence.open_transactions:
        return committed
    with clone.connect() as connection:
        for transaction in fence.open_transactions:
            try:
                row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (transaction,)).fetchone()
            except psycopg.errors.InvalidParameterValue:
                continue  # "in the future": the WAL up to the fence does not know of it
            committed += row is not None and row[0] == "committed"
    return committed


def _read(database: Database, fence: Fence) -> tuple[dict[str, Reading], tuple[str, ...], Observation | None]:
    digests = (fence.digests or {}).get(database.name, {})
    readings: dict[str, Reading] = {}
    unlogged: tuple[str, ...] = ()
    try:
        with database.clone.connect(database.name, statement_seconds=COUNT_SECONDS) as connection:
            prepare(connection)
            unlogged = unlogged_tables(connection)
            for table in logged_tables(connection):
                content = ANY_SIZE if table.label in digests else None
                reading = read_table(connection, table, digest_bytes=content, snapshot=None)
                if reading.trouble is NotCounted.LOCKED:
                    reading = Reading(None, trouble=reading.trouble, reason=LOCKED)
                readings[table.label] = reading
    except CouldNotTell as away:
        return readings, unlogged, unknown(f"{database.label}: {away.sentence}")
    except psycopg.Error as error:
        return readings, unlogged, refused(database.label, error)
    return readings, unlogged, None
