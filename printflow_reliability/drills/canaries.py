"""Canaries: tables and indexes of production that must be after a drill what they were, but for production's writes.

A clone that writes into production's files leaves no trace in a catalog, but it does here. A page on disk never becomes
older, nor is it newer than all WAL; and without a write that was counted no file becomes shorter and no row changes. So
production at work raises no alarm. A role with pg_monitor and pg_read_all_data sees lengths and rows, of which
production may hold sound copies in its memory; pages on disk are looked at where it may call pg_read_binary_file.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg import sql

from printflow_reliability.drills.page_lsns import older_page, page_lsns
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect, error_text
from printflow_reliability.platform.damage import is_damage
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.text import counted

log = logging.getLogger(__name__)

DATABASES = """
SELECT datname FROM pg_database
WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 AND has_database_privilege(oid, 'CONNECT')
ORDER BY 1
"""
NEWEST = 40
"""So many tables, and as many indexes, of each tablespace and database are read."""
MOST_BYTES = 1024**2
"""Rows are read of tables that are not larger, and pages up to there."""
SAME_TEXT = """
SET row_security = off; SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD';
SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 1; SET lc_monetary = 'C'
"""
ROWS = 'SELECT count(*) || \' \' || coalesce(sum(hashtextextended(ROW("a row".*)::text, 0)), 0) FROM ONLY {} AS "a row"'
STATISTICS_SECONDS = 12.0
"""A session that goes idle reports what it wrote within 10 s; one in a transaction, when that has ended."""
OPEN = """
SELECT FROM pg_stat_activity
WHERE xact_start < now() - %s * interval '1 second' AND backend_type NOT IN ('autovacuum worker', 'walsender')
"""
STATEMENT_SECONDS = 30
TABLE = "table"


@dataclass(frozen=True)
class Relation:
    """A table or an index at one moment.

    Attributes:
        kind: which of them, as a person says it.
        name: quoted, with its schema.
        file: the file that it lies in.
        bytes: the length of that file.
        writes: changes when somebody writes to the table, vacuums it or alters it.
        busy: somebody may be writing right now.
        rows: their number and a digest, or what the server said of damage; None where they were not read.
        pages: the LSN of each page on disk, 0 where it has none; None where they were not read.
    """

    kind: str
    name: str
    file: str
    bytes: int
    writes: str
    busy: bool
    rows: str | None
    pages: tuple[int, ...] | None


Canaries = Mapping[str, Mapping[int, Relation]]
"""The tables and indexes of a cluster by database and OID."""


@dataclass(frozen=True)
class Compared:
    """The canaries of a cluster at the end of a drill: what harm they show, one phrase each, and how many are alive."""

    harm: tuple[str, ...]
    tables: int


def read_canaries(cluster: ClusterSettings, before: Canaries | None = None) -> Canaries:
    """Look at the tables of a cluster in production.

    Args:
        cluster: which one.
        before: the first look, for the second: the same tables are read.

    Raises:
        CouldNotTell: it cannot be reached.
    """
    with connect(cluster) as connection:
        names = [row[0] for row in connection.execute(DATABASES).fetchall()]
    found = {}
    for database in names:
        if before is None or database in before:
            with _one_database(cluster, database):
                found[database] = _relations(cluster, database, before[database] if before else None)
    return found


def compare(cluster: ClusterSettings, before: Canaries) -> Compared:
    """See which canaries have changed without a write; what looks like it is looked at again later.

    Raises:
        CouldNotTell: the cluster cannot be reached, or a transaction that is still open may have written.
    """
    deadline = time.monotonic() + STATISTICS_SECONDS
    while True:
        after = read_canaries(cluster, before)
        harmed, suspected, tables = _compare(before, after)
        if not suspected or time.monotonic() > deadline:
            break
        time.sleep(1)
    if suspected and not harmed and _transactions_open(cluster):
        raise CouldNotTell(
            f"{cluster.name} was harmed, unless a transaction that is still open did it: {suspected[0]}",
            "printflow drill run, when no transaction stays open for long",
        )
    return Compared(tuple(f"{cluster.name}: {phrase}" for phrase in [*harmed, *suspected]), tables)


def _compare(before: Canaries, after: Canaries) -> tuple[list[str], list[str], int]:
    """What is harm, what would be unless somebody wrote, and how many tables could be compared."""
    harmed, suspected, tables = [], [], 0
    pairs = [(name, before[name].get(oid), now) for name in after for oid, now in after[name].items()]
    for database, then, now in pairs:
        if then is None or then.file != now.file:
            continue
        where = f'{now.kind} {now.name} of database "{database}"'
        read = then.pages is not None and now.pages is not None
        if then.pages and now.pages and (what := older_page(then.pages, now.pages)):
            harmed.append(f"{where}: {what}")
        elif not (then.busy or now.busy or then.writes != now.writes):
            known = then.rows is not None and now.rows is not None
            read = read or known
            if now.bytes < then.bytes:
                lost = f"lost {then.bytes - now.bytes:,} of {counted(then.bytes, 'byte')}"
                suspected.append(f"{where} {lost}, and nobody wrote to it")
            elif known and then.rows != now.rows:
                suspected.append(f"{where} has other rows than before, and nobody wrote to it")
        tables += read and now.kind == TABLE
    return harmed, suspected, tables


def _relations(
    cluster: ClusterSettings, database: str, before: Mapping[int, Relation] | None
) -> Mapping[int, Relation]:
    query = files(__package__).joinpath("canaries.sql").read_bytes()
    found = {}
    with connect(cluster, database=database, statement_seconds=STATEMENT_SECONDS) as connection:
        connection.execute(SAME_TEXT)
        for oid, kind, name, file, size, writes, busy, newest in connection.execute(
            query, {"newest": NEWEST}
        ).fetchall():
            if file is None or size is None:
                continue  # dropped while it was asked for
            rows, pages = kind == TABLE and newest and size <= MOST_BYTES, newest
            if before is not None:
                then = before.get(oid)
                rows = then is not None and then.rows is not None
                pages = then is not None and then.pages is not None
            found[oid] = Relation(
                *(kind, name, file, size, writes, busy),
                _rows(connection, name) if rows and not busy else None,
                page_lsns(connection, file, MOST_BYTES) if pages else None,
            )
    return found


def _rows(connection: psycopg.Connection, name: str) -> str | None:
    query = sql.SQL(ROWS).format(sql.SQL(name))  # quoted by the server itself
    try:
        row = connection.execute(query).fetchone()
    except psycopg.Error as error:
        if is_damage(error):
            return error_text(error)
        if isinstance(error, psycopg.OperationalError):
            raise
        return None  # a policy, a lock, or it is gone
    return row[0] if row else None


def _transactions_open(cluster: ClusterSettings) -> bool:
    with connect(cluster) as connection:
        return connection.execute(OPEN, (STATISTICS_SECONDS,)).rowcount > 0


@contextmanager
def _one_database(cluster: ClusterSettings, database: str) -> Iterator[None]:
    """A database that does not answer, or refuses, spoils no other one: it has no canaries."""
    try:
        yield
    except CouldNotTell as unknown:
        log.warning("no canaries in database %s of %s: %s", database, cluster.name, unknown.what)
    except psycopg.Error as refused:
        if refused.sqlstate is None:
            raise
        log.warning("no canaries in database %s of %s: %s", database, cluster.name, error_text(refused))
