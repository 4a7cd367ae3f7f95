"""Every foreign key, checked by an anti-join over the rows themselves.

`VALIDATE CONSTRAINT` does nothing on a constraint that calls itself valid, and a disabled trigger leaves it calling
itself so. Indexes are not used: one that lost rows would make sound rows look like orphans.
"""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from printflow_reliability.platform.foreign_keys import ForeignKey
from printflow_reliability.restore.validation.observations import Observation, refused, violation
from printflow_reliability.text import agreed, counted

EXAMPLES = 5
WITHOUT_INDEXES = """
SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SET row_security = off
"""


def bound(key: ForeignKey) -> sql.Composable:
    """Whether a row of `child` must have a row in the parent.

    MATCH SIMPLE asks nothing of a row with a null in any column; MATCH FULL only of one with nulls in all of them.
    """
    columns = sql.SQL(", ").join(sql.SQL("child.{}").format(sql.Identifier(column)) for column in key.child_columns)
    # Functions to the planner; since version 17 it takes "IS NOT NULL" of a not-null column to be true.
    if key.match_full:
        # A row that is partly null fits no parent, so whoever looks for one finds it by itself.
        return sql.SQL("num_nonnulls({}) > 0").format(columns)
    return sql.SQL("num_nulls({}) = 0").format(columns)


def check_foreign_key(connection: psycopg.Connection, database: str, key: ForeignKey) -> list[Observation]:
    """What is to be said if rows violate a foreign key: how many, and where some of them are, never their content."""
    where = f"{database}: {key.label}"
    connection.execute(WITHOUT_INDEXES)
    try:
        row = connection.execute(anti_join(key)).fetchone()
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        return [refused(where, error)]
    if row is None or not row[0]:
        return []
    rows = f"{counted(row[0], 'row')} {agreed(row[0], 'has', 'have')}"
    return [violation(f"{where}: {rows} no row in {key.parent_schema}.{key.parent_table} ({', '.join(row[1])})")]


def anti_join(key: ForeignKey) -> sql.Composed:
    """The query that counts the rows violating a foreign key, with some examples."""
    return sql.SQL(
        "WITH violation AS MATERIALIZED (SELECT {identity} AS row FROM {child} AS child WHERE {bound} "
        "AND NOT EXISTS (SELECT FROM {parent} AS parent WHERE {fits})) "
        "SELECT (SELECT count(*) FROM violation), ARRAY(SELECT row FROM violation LIMIT {examples})"
    ).format(
        identity=_identity(key.primary_key),
        child=key.child_rows,
        bound=bound(key),
        parent=key.parent_rows,
        fits=key.matches("child", "parent"),
        examples=sql.Literal(EXAMPLES),
    )


def _identity(primary_key: Sequence[str]) -> sql.Composable:
    """How an example row is named: by its primary key of numbers or UUIDs, else by where it lies."""
    if not primary_key:
        return sql.SQL("child.ctid::text")
    parts = [
        sql.SQL("{} || child.{}::text").format(sql.Literal(f"{column} "), sql.Identifier(column))
        for column in primary_key
    ]
    return sql.SQL("concat_ws(', ', {})").format(sql.SQL(", ").join(parts))
