"""What clones are made of, by itself: collations, large objects, unlogged tables, prepared transactions."""

from collections.abc import Sequence

import psycopg

from printflow_reliability.checks import CheckResult
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.counts import prepare, unlogged_tables
from printflow_reliability.restore.inventory import stray_large_object_pages, take_inventory
from printflow_reliability.restore.validation.collations import changed_collations
from printflow_reliability.restore.validation.databases import Database, find_databases
from printflow_reliability.restore.validation.observations import (
    Observation,
    check_result,
    note,
    refused,
    shown,
    unknown,
    violation,
    warning,
)
from printflow_reliability.text import counted, moment

CHECK = "drill.inventory"
PREPARED = "SELECT count(*), min(prepared) FROM pg_catalog.pg_prepared_xacts"


def check_recovered(clones: Sequence[Clone]) -> CheckResult:
    """Say what the owner of promoted clones must know of, though no fence tells what production was made of.

    Raises:
        Refused: what answers as a clone is another server.
    """
    seen: list[Observation] = []
    databases = 0
    for clone in clones:
        try:
            found = find_databases(clone)
            databases += len(found.answering)
            seen += [*found.left_out, *_prepared(clone)]
            for database in found.answering:
                seen += [*examine(database, {}, cluster=False), *_unlogged(database)]
        except CouldNotTell as away:
            seen.append(unknown(away.sentence))
    well = f"{counted(databases, 'database')} can be entered, large objects are whole"
    return check_result(CHECK, seen, {}, well)


def _prepared(clone: Clone) -> list[Observation]:
    """Transactions that were prepared for two-phase commit keep their locks, and rows from VACUUM, for ever."""
    with clone.connect() as connection:
        count, since = connection.execute(PREPARED).fetchone() or (0, None)
    if not count:
        return []
    name = clone.cluster.name
    what = f"{name} has {counted(count, 'prepared transaction')} (since {moment(since)}), which keep their locks"
    end = "COMMIT PREPARED or ROLLBACK PREPARED each of pg_prepared_xacts, as its coordinator decided"
    return [warning(f"{what}. Next: {end}", f"{name} prepared transactions")]


def _unlogged(database: Database) -> list[Observation]:
    try:
        with database.clone.connect(database.name) as connection:
            prepare(connection)
            tables = unlogged_tables(connection)
    except CouldNotTell as away:
        return [unknown(f"{database.label}: {away.sentence}")]
    except psycopg.Error as error:
        return [refused(f"unlogged tables of {database.label}", error)]
    return [note(f"{database.label}: unlogged, so empty by design: {shown(tables)}")] if tables else []


def examine(database: Database, there: dict[str, str], *, cluster: bool) -> list[Observation]:
    """Add a database's part to the inventory; what is to be said of it besides."""
    seen: list[Observation] = []
    try:
        with database.clone.connect(database.name) as connection:
            prepare(connection)
            there |= take_inventory(connection, cluster=cluster)
            for collation, phrase in changed_collations(connection):
                seen.append(warning(f"{database.label}: {phrase}", f"{database.label} {collation}"))
            if pages := stray_large_object_pages(connection):
                orphaned = counted(pages, "page")
                seen.append(violation(f"{database.label}: {orphaned} of large objects without their large object"))
    except CouldNotTell as away:
        seen.append(unknown(f"{database.label}: {away.sentence}"))
    except psycopg.Error as error:
        seen.append(refused(f"what {database.label} is made of", error))
    return seen
