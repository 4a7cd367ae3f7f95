"""Exact row counts, and digests of the contents, of every logged table: the same way in production and in its clone.

`count(*)`, never statistics. Unlogged tables come back empty by design and partitioned parents hold no rows themselves.
Large objects live in two tables of the catalog, which are counted where the role may read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

Counts = Mapping[str, Mapping[str, int]]
"""Rows by database and "schema.table"."""
Digests = Mapping[str, Mapping[str, str]]
"""A digest of all rows by database and "schema.table", for those tables that are small enough."""

DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
LOGGED_TABLES = """
SELECT n.nspname, c.relname, pg_table_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence = 'p'
  AND (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
  AND (n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
       OR c.oid IN ('pg_largeobject'::regclass, 'pg_largeobject_metadata'::regclass)
          AND has_table_privilege(c.oid, 'SELECT'))
ORDER BY 1, 2
"""
SAME_TEXT = """
SET row_security = off; SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO, YMD';
SET intervalstyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 1; SET lc_monetary = 'C'
"""
"""A row has the same text in production and in the clone; with row security a policy is an error, not fewer rows."""


@dataclass(frozen=True)
class Table:
    """A table and how many bytes it has, without its indexes."""

    schema: str
    name: str
    bytes: int

    @property
    def label(self) -> str:
        """As counts and findings call it."""
        return f"{self.schema}.{self.name}"


def databases(connection: psycopg.Connection) -> tuple[str, ...]:
    """Every database that can be connected to, templates left out."""
    return tuple(row[0] for row in connection.execute(DATABASES).fetchall())


def logged_tables(connection: psycopg.Connection) -> tuple[Table, ...]:
    """Every logged table and populated materialized view, in order."""
    return tuple(Table(*row) for row in connection.execute(LOGGED_TABLES).fetchall())


def count_rows(connection: psycopg.Connection, table: Table, *, digest: bool) -> tuple[int, str | None]:
    """The rows of one table itself, without those of tables that inherit from it, and a digest of them if asked for.

    The digest is the sum of a 64-bit hash of each row's text, so it does not depend on the order of rows.
    """
    what = 'count(*), coalesce(sum(hashtextextended(t::text COLLATE "C", 0)), 0)::text' if digest else "count(*), NULL"
    query = sql.SQL("SELECT {} FROM ONLY {} AS t").format(sql.SQL(what), sql.Identifier(table.schema, table.name))
    row = connection.execute(query).fetchone()
    return (int(row[0]), row[1]) if row else (0, None)
