"""The logged tables of a database, and how their rows are counted: the same way in production and in its clone.

`count(*)` of the heap, never statistics or an index. Unlogged tables come back empty by design and partitioned parents
hold no rows themselves. Large objects live in two tables of the catalog, which are counted where the role may read
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from printflow_reliability.restore.names import convert_nothing, encoding_of, label, literal, quoted, text_of

Counts = Mapping[str, Mapping[str, int]]
"""Rows by database and "schema.table"."""
Digests = Mapping[str, Mapping[str, str]]
"""A digest of all rows by database and "schema.table", for those tables that are small enough."""

DATABASES = """
SELECT datname FROM pg_database
WHERE datallowconn AND datconnlimit <> -2
ORDER BY datname
"""
LOGGED_TABLES = b"""
WITH attributes AS (
    SELECT a.attrelid, array_agg(a.attname ORDER BY a.attnum) AS names,
           array_agg(a.attnum || ' ' || CASE WHEN t.typtype = 'd' THEN 0 ELSE a.atttypid END || ' ' || a.atttypmod
                     ORDER BY a.attnum) AS types
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v' GROUP BY 1
)
SELECT n.nspname, c.relname, c.oid::int8, c.relfilenode::int8, coalesce(a.names, '{}'), coalesce(a.types, '{}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN attributes a ON a.attrelid = c.oid
WHERE c.relpersistence = 'p'
  AND (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
  AND (n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
       OR c.oid IN ('pg_catalog.pg_largeobject'::regclass, 'pg_catalog.pg_largeobject_metadata'::regclass)
          AND has_table_privilege(c.oid, 'SELECT'))
ORDER BY 1, 2
"""
"""Takes no lock of a table, and so waits for nobody. Virtual columns hold nothing."""
UNLOGGED_TABLES = b"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence = 'u' AND c.relkind IN ('r', 'm') ORDER BY 1, 2
"""
SAME_TEXT = """
SET row_security = off; SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD';
SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 1; SET lc_monetary = 'C';
SET quote_all_identifiers = off; SET standard_conforming_strings = on;
SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off
"""
"""A row has the same text in production and in the clone; with row security a policy is an error, not fewer rows."""
PATIENT = """
SELECT set_config(name, '0', false) FROM pg_settings
WHERE name IN ('idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
"""
"""A session that holds a snapshot is idle while another database is counted."""


@dataclass(frozen=True)
class Column:
    """A column; another type or modifier may give the same row another text. The type is 0 for a domain."""

    name: bytes
    number: int
    type: int
    modifier: int


@dataclass(frozen=True)
class Table:
    """A table as a snapshot of the catalog has it; `filenode` is 0 where the catalog does not say.

    `schema` and `name` are bytes of the database's encoding, `label` is what counts and findings call it.
    """

    schema: bytes
    name: bytes
    oid: int
    filenode: int
    columns: tuple[Column, ...]
    label: str

    @property
    def identifier(self) -> bytes:
        """Its name in a statement."""
        return quoted(self.schema, self.name)


def databases(connection: psycopg.Connection) -> tuple[str, ...]:
    """Every database that can be connected to, templates too."""
    return tuple(row[0] for row in connection.execute(DATABASES).fetchall())


def prepare(connection: psycopg.Connection) -> None:
    """Have a session count and read rows in the one way that is the same everywhere; names come as bytes."""
    connection.execute(SAME_TEXT)
    connection.execute(PATIENT)
    convert_nothing(connection)


def logged_tables(connection: psycopg.Connection) -> tuple[Table, ...]:
    """Every logged table and populated materialized view, in order; the session is prepared."""
    encoding = encoding_of(connection)
    tables = []
    for schema, name, oid, filenode, names, definitions in connection.execute(LOGGED_TABLES).fetchall():
        columns = (Column(column, *map(int, type.split())) for column, type in zip(names, definitions, strict=True))
        called = label(text_of(schema, encoding), text_of(name, encoding))
        tables.append(Table(schema, name, oid, filenode, tuple(columns), called))
    return tuple(tables)


def unlogged_tables(connection: psycopg.Connection) -> tuple[str, ...]:
    """The labels of all unlogged tables; the session is prepared."""
    encoding = encoding_of(connection)
    rows = connection.execute(UNLOGGED_TABLES).fetchall()
    return tuple(label(text_of(schema, encoding), text_of(name, encoding)) for schema, name in rows)


def count_query(table: Table, digest_bytes: int | None) -> bytes:
    """Rows of the table itself without its heirs, a digest of them, whether it has its name, and its file's number.

    The digest is the sum of a 64-bit hash of each row's text, so it does not depend on the order of rows; NULL for a
    table of more than so many bytes, or if that is None. Columns are named one by one, so that no name of a column is
    taken for another thing. The last two are asked while the statement's lock keeps the table from being changed.
    """
    digest = b"NULL::text"
    if digest_bytes is not None:
        small = b"(SELECT pg_table_size(%d) <= %d)" % (table.oid, digest_bytes)
        row = b"ROW(" + b", ".join(quoted(column.name) for column in table.columns) + b")"
        hashes = b'sum(hashtextextended(%b::text COLLATE "C", 0)) FILTER (WHERE %b)' % (row, small)
        digest = b"CASE WHEN %b THEN coalesce(%b, 0)::text END" % (small, hashes)
    return b"SELECT count(*), %b, to_regclass(%b)::oid::int8 = %d, pg_relation_filenode(%d)::int8 FROM ONLY %b" % (
        digest,
        literal(table.identifier),
        table.oid,
        table.oid,
        table.identifier,
    )
