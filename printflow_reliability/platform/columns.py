"""Columns that can hold text in some form, and a cheap look at what is in them.

A look is read-only and bounded: a few random blocks of a large table, some seconds a statement, the beginning of a
large value. A table that is locked, damaged or forbidden costs its own columns and no others.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.queries import Connection

BLOCKS = 64
"""So many blocks of a table are read; a larger one is sampled."""
ROWS = 5000
ENOUGH_ROWS = 20
"""Where random blocks hold fewer values than this, the column is sparse, and the first values are looked for."""
SPARSE_ROWS = 200
STATEMENT_SECONDS = 5.0
SPARSE_SECONDS = 1.0
LARGEST_BYTES = 32 * 1024
"""Of a value that is stored in more than this, only the beginning is read, as text."""
OTHER_DATABASES = """
SELECT datname FROM pg_database
WHERE datallowconn AND NOT datistemplate AND datname <> current_database()
  AND has_database_privilege(datname, 'CONNECT')
ORDER BY 1"""
# Categories and names of types whose values hold no text: numbers, times, networks, enums, identifiers, search vectors.
COLUMNS = """
SELECT c.oid::bigint, n.nspname, c.relname, a.attname, c.relkind::text
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
  AND coalesce(e.typcategory, t.typcategory) NOT IN ('B', 'D', 'E', 'G', 'I', 'N', 'R', 'T', 'V')
  AND coalesce(e.typname, t.typname) NOT IN ('uuid', 'tsvector', 'tsquery', 'pg_lsn', 'xid', 'xid8', 'cid', 'tid')
ORDER BY 2, 3, 4"""
BLOCKS_OF = """
SELECT coalesce((SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree({oid}::oid::regclass)),
                pg_relation_size({oid}::oid::regclass), 0)::bigint / current_setting('block_size')::bigint"""
VALUES = """
SELECT CASE WHEN pg_column_size({column}) <= {largest} THEN to_json({column})
            ELSE to_json(left({column}::text, {largest})) END::text
FROM {table} WHERE {column} IS NOT NULL LIMIT {rows}"""


@dataclass(frozen=True)
class Column:
    """One column of a table, foreign table, view or materialized view; `kind` is PostgreSQL's letter for which."""

    oid: int
    schema: str
    relation: str
    name: str
    kind: str

    @property
    def is_view(self) -> bool:
        """Whether it shows what other relations hold: a view or a materialized view."""
        return self.kind in ("v", "m")

    @property
    def table(self) -> str:
        """The relation's name, with its schema unless that is `public`."""
        return self.relation if self.schema == "public" else f"{self.schema}.{self.relation}"


class Unreadable(Exception):
    """Why a column could not be looked into, in the server's words."""


def text_columns(connection: Connection) -> Sequence[Column]:
    """Every column of a database whose type can hold text: also in arrays, domains, composites, JSON and bytea."""
    return [Column(*row) for row in connection.execute(COLUMNS)]


def other_databases(connection: Connection) -> Sequence[str]:
    """The other databases of this cluster that our role may open."""
    return [str(row[0]) for row in connection.execute(OTHER_DATABASES)]


def sampled(connection: Connection, column: Column) -> Sequence[str]:
    """Some of a column's values that are not null, each as a JSON document.

    Raises:
        Unreadable: the server refused, or did not answer in time; the connection can still be used.
        psycopg.OperationalError: the connection was lost.
    """
    table: sql.Composable = sql.Identifier(column.schema, column.relation)
    with _bounded(connection, STATEMENT_SECONDS):
        blocks = 0
        if column.kind not in ("v", "f"):
            row = connection.execute(sql.SQL(BLOCKS_OF).format(oid=sql.Literal(column.oid))).fetchone()
            blocks = int(row[0]) if row else 0
        if blocks <= BLOCKS:
            return _values(connection, column, table, ROWS)
        part = sql.SQL("{} TABLESAMPLE SYSTEM ({})").format(table, sql.Literal(100 * BLOCKS / blocks))
        found = _values(connection, column, part, ROWS)
    if len(found) < ENOUGH_ROWS:
        try:
            with _bounded(connection, SPARSE_SECONDS):
                return [*found, *_values(connection, column, table, SPARSE_ROWS)]
        except Unreadable:  # as a rule that it takes too long: what the random blocks hold has to do
            return found
    return found


def _values(connection: Connection, column: Column, table: sql.Composable, rows: int) -> list[str]:
    query = sql.SQL(VALUES).format(
        column=sql.Identifier(column.name),
        table=table,
        largest=sql.Literal(LARGEST_BYTES),
        rows=sql.Literal(rows),
    )
    return [str(value) for (value,) in connection.execute(query) if value is not None]


@contextmanager
def _bounded(connection: Connection, seconds: float) -> Iterator[None]:
    """A read-only transaction of its own, in which no statement waits or works for long, and no row is hidden."""
    began = time.monotonic()
    try:
        with connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            connection.execute("SET LOCAL row_security = off; SET LOCAL max_parallel_workers_per_gather = 0")
            milliseconds = int(seconds * 1000)
            connection.execute(
                f"SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = {milliseconds // 2}"
            )
            yield
    except psycopg.Error as error:
        if connection.closed:
            raise
        if isinstance(error, psycopg.errors.QueryCanceled):
            raise Unreadable(f"no answer within {time.monotonic() - began:.0f} s") from None
        raise Unreadable(error_text(error)) from None
