"""Exact row counts of every logged table of a database, the same way in production and in its clone.

`count(*)`, never statistics. Unlogged tables come back empty by design and partitioned parents hold no rows themselves.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql

Counts = Mapping[str, Mapping[str, int]]
"""Rows by database and "schema.table"."""

DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
LOGGED_TABLES = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relpersistence = 'p'
  AND (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1, 2
"""


def databases(connection: psycopg.Connection) -> tuple[str, ...]:
    """Every database that can be connected to, templates left out."""
    return tuple(row[0] for row in connection.execute(DATABASES).fetchall())


def logged_tables(connection: psycopg.Connection) -> tuple[tuple[str, str], ...]:
    """Schema and name of every logged table and populated materialized view, in order."""
    return tuple((row[0], row[1]) for row in connection.execute(LOGGED_TABLES).fetchall())


def count_rows(connection: psycopg.Connection, schema: str, table: str) -> int:
    """The rows of one table itself, without those of tables that inherit from it.

    Row security must be off in the session, so that a policy is an error and not a smaller number.
    """
    query = sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.Identifier(schema, table))
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
