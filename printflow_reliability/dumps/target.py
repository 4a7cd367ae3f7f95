"""The database that a dump is to be restored into: what is there already, and what would stand in a restore's way."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from printflow_reliability.dumps.manifest import Content
from printflow_reliability.errors import ConfigError
from printflow_reliability.text import counted

OBJECTS = """
SELECT c.relkind::text, count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype = 'e')
GROUP BY 1
"""
TABLE = """
SELECT c.oid::int8,
       ARRAY(SELECT t.tgname::text FROM pg_trigger t
             WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 4 = 4)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')
"""
INSERT_TRIGGER = 4
"""The bit of pg_trigger.tgtype that stands for INSERT."""


@dataclass(frozen=True)
class Target:
    """A database that is restored into.

    Attributes:
        database: its name.
        server_version: as PostgreSQL numbers it.
        relations: how many tables, views and sequences it has that belong to no extension.
    """

    database: str
    server_version: int
    encoding: str
    relations: int
    standby: bool

    @property
    def empty(self) -> bool:
        """Whether nobody has put anything there."""
        return self.relations == 0


def look_at(connection: psycopg.Connection) -> Target:
    """What the database of a connection is."""
    relations = sum(int(row[1]) for row in connection.execute(OBJECTS).fetchall())
    standby = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    return Target(
        connection.info.dbname,
        connection.info.server_version,
        connection.info.parameter_status("server_encoding") or "",
        relations,
        standby == (True,),
    )


def obstacles(target: Target, content: Content, *, add: bool) -> list[str]:
    """What keeps a whole dump from being restored into a database, each in a sentence."""
    found = _of_server(target, content)
    if not target.empty and not add:
        found.append(
            f'database "{target.database}" is not empty: it has {counted(target.relations, "relation")}. Name an empty '
            "one (createdb), or add --into-non-empty if the dump shall be added to what is there"
        )
    return found


def table_obstacles(
    connection: psycopg.Connection, target: Target, content: Content, tables: Sequence[tuple[str, str]], *, add: bool
) -> tuple[list[str], list[tuple[str, str]]]:
    """What keeps single tables from being restored, each in a sentence; and which of them are there already."""
    found = _of_server(target, content)
    there = []
    for schema, name in tables:
        row = connection.execute(TABLE, (schema, name)).fetchone()
        if row is None:
            if connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
                found.append(f'database "{target.database}" has no schema "{schema}"; make it first')
            continue
        there.append((schema, name))
        if row[1]:
            found.append(
                f"{schema}.{name} has triggers that would fire for each row: {', '.join(row[1])}. Disable them first, "
                "or restore into another database"
            )
        if not add and _has_rows(connection, schema, name):
            found.append(
                f"{schema}.{name} holds rows already. Restore into another database, or add --into-non-empty if the "
                "dump's rows shall be added"
            )
    return found, there


def require_none(found: Sequence[str], then: str) -> None:
    """Raises:
    ConfigError: something stands in the way.
    """
    if found:
        raise ConfigError(f"nothing was restored: {'; '.join(found)}", then)


def _of_server(target: Target, content: Content) -> list[str]:
    found = []
    if target.standby:
        found.append(f'database "{target.database}" is on a standby, which takes no rows; name the primary')
    if target.server_version // 10000 < content.major:
        found.append(
            f"the dump is of PostgreSQL {content.major}, and the server of database "
            f'"{target.database}" is {target.server_version // 10000}; name a server of {content.major} or newer'
        )
    return found


def _has_rows(connection: psycopg.Connection, schema: str, name: str) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, name))
    return connection.execute(query).fetchone() == (True,)
