"""Every heap and B-tree index of a clone, checked by PostgreSQL's amcheck: damaged rows, rows that an index lost.

The extension is asked relation by relation, as pg_amcheck does it, but in sessions of our own: with the database's own
search_path, which functions in indexes may need, and with the error's SQLSTATE, which alone tells damage from a
statement that could not run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from printflow_reliability.platform.damage import is_damage
from printflow_reliability.platform.event_triggers import switched_off
from printflow_reliability.restore.validation.observations import (
    Observation,
    cause,
    note,
    refused,
    unknown,
    violation,
    warning,
)
from printflow_reliability.text import counted

RELATIONS = """
SELECT c.oid::bigint, format('%I.%I', n.nspname, c.relname) AS name, c.relkind = 'i' AS is_index,
       coalesce(x.indisvalid AND x.indisready, true) AS valid,
       pg_relation_size(c.oid) AS bytes
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_index x ON x.indexrelid = c.oid
WHERE c.relpersistence = 'p'
  AND (c.relkind IN ('r', 'm', 't') AND am.amname = 'heap' OR c.relkind = 'i' AND am.amname = 'btree')
"""
SCHEMA = (
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'"
)
OURS = "made by printflow to check this database"
IS_OURS = "SELECT FROM pg_extension WHERE extname = 'amcheck' AND pg_catalog.obj_description(oid, 'pg_extension') = %s"
HEAP = "SELECT count(*), min(blkno), min(msg) FROM {}(relation => %s, check_toast => true)"
INDEX = "SELECT {}(index => %s, heapallindexed => %s)"


@dataclass(frozen=True)
class Relation:
    """A heap (tables, materialized views, TOAST) or a B-tree index; `name` is quoted and has its schema."""

    oid: int
    name: str
    is_index: bool
    valid: bool
    bytes: int


def install(connection: psycopg.Connection, label: str) -> Observation | None:
    """Make the extension in the clone's database until `remove`; what to say where that cannot be done."""
    try:
        with switched_off(connection):
            if connection.execute(SCHEMA).fetchone() is None:
                connection.execute("CREATE EXTENSION amcheck SCHEMA pg_catalog")
                connection.execute(f"COMMENT ON EXTENSION amcheck IS '{OURS}'")
            connection.execute("ALTER EXTENSION amcheck UPDATE")
    except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported):
        return unknown(
            f"indexes of {label} could not be checked: the extension amcheck is not installed here. "
            "Next: install postgresql-contrib of the cluster's major version"
        )
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        return refused(f"{label}: the extension amcheck", error)
    return None


def remove(connection: psycopg.Connection) -> None:
    """Remove the extension if `install` made it: a recovered cluster is its owner's, and a template's copies are too.

    Raises:
        psycopg.DatabaseError: the database refuses.
    """
    if connection.execute(IS_OURS, (OURS,)).fetchone() is not None:
        with switched_off(connection):
            connection.execute("DROP EXTENSION amcheck")


def relations(connection: psycopg.Connection) -> tuple[Relation, ...]:
    """Every logged heap and B-tree index of a database, the catalogs included."""
    with connection.cursor(row_factory=class_row(Relation)) as cursor:
        return tuple(cursor.execute(RELATIONS).fetchall())


def check_relation(connection: psycopg.Connection, label: str, relation: Relation) -> Sequence[Observation]:
    """What amcheck says of one relation; nothing if it is sound.

    Args:
        connection: a session of a superuser in the relation's database, in autocommit mode.
        label: the database, as observations call it.
        relation: which one.
    """
    where = f"{label}: {'index' if relation.is_index else 'table'} {relation.name}"
    if not relation.valid:
        # What CREATE INDEX CONCURRENTLY leaves behind when it fails; PostgreSQL does not use it.
        return [note(f"{where} is not valid in production either, and was not checked")]
    try:
        return _index(connection, where, relation) if relation.is_index else _heap(connection, where, relation)
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        return [refused(where, error)]


def _heap(connection: psycopg.Connection, where: str, relation: Relation) -> Sequence[Observation]:
    query = sql.SQL(HEAP).format(_function(connection, "verify_heapam"))
    row = connection.execute(query, (relation.oid,)).fetchone()
    if row is None or not row[0]:
        return []
    return [violation(f"{where} is damaged: {row[2]} (block {row[1]}; {counted(row[0], 'problem')})")]


def _index(connection: psycopg.Connection, where: str, relation: Relation) -> Sequence[Observation]:
    query = sql.SQL(INDEX).format(_function(connection, "bt_index_parent_check"))
    try:
        connection.execute(query, (relation.oid, True))
    except psycopg.errors.LockNotAvailable:
        # A transaction that is still prepared has written to the table; this function waits for readers only.
        query = sql.SQL(INDEX).format(_function(connection, "bt_index_check"))
        connection.execute(query, (relation.oid, True))
        return [note(f"{where} holds every row, but how its pages refer to each other could not be checked: locked")]
    except psycopg.DatabaseError as error:
        if connection.closed or is_damage(error) or isinstance(error, psycopg.errors.QueryCanceled):
            raise
        # An expression of the index failed, since 17 perhaps for want of a search_path: its pages can still be read.
        connection.execute(query, (relation.oid, False))
        why = f"whether it holds every row could not be checked: {cause(error)}"
        return [warning(f"{where} is sound, but {why}", where)]
    return []


def _function(connection: psycopg.Connection, name: str) -> sql.Composable:
    """A function of the extension, wherever production may have put it."""
    row = connection.execute(SCHEMA).fetchone()
    return sql.Identifier(str(row[0]) if row else "pg_catalog", name)
