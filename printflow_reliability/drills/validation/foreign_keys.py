"""Every foreign key, checked by an anti-join over the rows themselves.

`VALIDATE CONSTRAINT` does nothing on a constraint that calls itself valid, and a disabled trigger leaves it calling
itself so. Indexes are not used: one that lost rows would make sound rows look like orphans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from printflow_reliability.platform.connect import said

FOREIGN_KEYS = Path(__file__).with_name("foreign_keys.sql").read_text(encoding="utf-8").encode()
EXAMPLES = 5
WITHOUT_INDEXES = """
SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off; SET row_security = off
"""


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key as the catalog has it; `operators` are (schema, name) of parent = child for each column."""

    name: str
    child_schema: str
    child_table: str
    parent_schema: str
    parent_table: str
    match_full: bool
    child_columns: list[str]
    parent_columns: list[str]
    operators: list[list[str]]
    primary_key: list[str]
    bytes: int

    @property
    def label(self) -> str:
        """As a finding calls it."""
        return f"{self.child_schema}.{self.child_table}.{self.name}"


def foreign_keys(connection: psycopg.Connection) -> tuple[ForeignKey, ...]:
    """Every foreign key of a database."""
    with connection.cursor(row_factory=class_row(ForeignKey)) as cursor:
        return tuple(cursor.execute(FOREIGN_KEYS).fetchall())


def check_foreign_key(connection: psycopg.Connection, database: str, key: ForeignKey) -> list[str]:
    """A phrase for a person if rows violate a foreign key: how many, and some by primary key, never by content."""
    parent = f"{key.parent_schema}.{key.parent_table}"
    connection.execute(WITHOUT_INDEXES)
    try:
        row = connection.execute(anti_join(key)).fetchone()
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        reason = said(error)
        return [f"{database}: {key.label} cannot be checked: {reason}"]
    if row is None or not row[0]:
        return []
    return [f"{database}: {row[0]} rows of {key.label} have no row in {parent} ({', '.join(row[1])})"]


def anti_join(key: ForeignKey) -> sql.Composed:
    """The query that counts the rows violating a foreign key, with some examples.

    MATCH SIMPLE asks nothing of a row with a null in any column; MATCH FULL only of one with nulls in all of them.
    """
    child = [sql.SQL("child.{}").format(sql.Identifier(column)) for column in key.child_columns]
    joined = sql.SQL(" AND ").join(
        sql.SQL("parent.{} OPERATOR({}.{}) {}").format(
            sql.Identifier(parent), sql.Identifier(schema), sql.SQL(operator), column
        )
        for parent, (schema, operator), column in zip(key.parent_columns, key.operators, child, strict=True)
    )
    no_null = sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(column) for column in child)
    all_null = sql.SQL(" AND ").join(sql.SQL("{} IS NULL").format(column) for column in child)
    no_parent = sql.SQL("NOT EXISTS (SELECT FROM {} AS parent WHERE {})").format(
        sql.Identifier(key.parent_schema, key.parent_table), joined
    )
    # A row that is partly null fits no parent in MATCH FULL, so the anti-join finds it by itself.
    asked = sql.SQL("NOT ({})").format(all_null) if key.match_full else no_null
    return sql.SQL(
        "WITH violation AS MATERIALIZED (SELECT {identity} AS row FROM {child} AS child WHERE {asked} AND {no_parent}) "
        "SELECT (SELECT count(*) FROM violation), ARRAY(SELECT row FROM violation LIMIT {examples})"
    ).format(
        identity=_identity(key.primary_key),
        child=sql.Identifier(key.child_schema, key.child_table),
        asked=asked,
        no_parent=no_parent,
        examples=sql.Literal(EXAMPLES),
    )


def _identity(primary_key: Sequence[str]) -> sql.Composable:
    """How an example row is named: by its primary key, or where it lies if it has none."""
    if not primary_key:
        return sql.SQL("child.ctid::text")
    parts = [
        sql.SQL("{} || child.{}::text").format(sql.Literal(f"{column} "), sql.Identifier(column))
        for column in primary_key
    ]
    return sql.SQL("concat_ws(', ', {})").format(sql.SQL(", ").join(parts))
