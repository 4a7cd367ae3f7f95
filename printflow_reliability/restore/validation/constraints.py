"""Unique and not-null constraints, checked over the rows themselves and not over what the catalog claims.

A unique index is only as good as the moment it was built in: one that lost rows lets duplicates in. Indexes are
therefore not used here. Rows are named by where they lie, never by content.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from printflow_reliability.platform.foreign_keys import own_rows
from printflow_reliability.restore.validation.foreign_keys import WITHOUT_INDEXES
from printflow_reliability.restore.validation.observations import Observation, refused, violation

UNIQUE_INDEXES = Path(__file__).with_name("unique_indexes.sql").read_text(encoding="utf-8").encode()
NOT_NULL = """
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum), pg_table_size(c.oid)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r' AND c.relpersistence = 'p'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n'
                  AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated)
GROUP BY 1, 2, c.oid ORDER BY 1, 2
"""


@dataclass(frozen=True)
class UniqueIndex:
    """A unique index as the catalog has it; `columns` and `predicate` are SQL.

    `by_value` says that it has a single column, and of a type as small as a number.
    """

    schema: str
    table: str
    name: str
    valid: bool
    columns: list[str]
    by_value: bool
    predicate: str | None
    nulls_are_equal: bool
    bytes: int

    @property
    def relation(self) -> sql.Composable:
        """Its table as a FROM clause has it."""
        return own_rows(self.schema, self.table)

    @property
    def values(self) -> sql.Composable:
        """What must not come twice."""
        return sql.SQL(", ").join(sql.SQL(column) for column in self.columns)

    @property
    def guarded(self) -> sql.Composable:
        """Whether a row is one that the index guards."""
        conditions = [sql.SQL("({})").format(sql.SQL(self.predicate))] if self.predicate else []
        if not self.nulls_are_equal:
            conditions.append(sql.SQL("num_nulls({}) = 0").format(self.values))
        return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


@dataclass(frozen=True)
class NotNull:
    """The columns of a table that must not be null."""

    schema: str
    table: str
    columns: list[str]
    bytes: int

    @property
    def relation(self) -> sql.Composable:
        """The table as a FROM clause has it."""
        return own_rows(self.schema, self.table)

    @property
    def nulls(self) -> sql.Composable:
        """How many of them are null in a row."""
        # A function to the planner; it takes "IS NULL" of a not-null column to be false without looking.
        return sql.SQL("num_nulls({})").format(sql.SQL(", ").join(map(sql.Identifier, self.columns)))


def constraints(connection: psycopg.Connection) -> tuple[UniqueIndex | NotNull, ...]:
    """Every unique index and every table's not-null columns of a database."""
    with connection.cursor(row_factory=class_row(UniqueIndex)) as cursor:
        unique = cursor.execute(UNIQUE_INDEXES).fetchall()
    not_null = [NotNull(*row) for row in connection.execute(NOT_NULL).fetchall()]
    return (*unique, *not_null)


def check_constraint(
    connection: psycopg.Connection, database: str, constraint: UniqueIndex | NotNull
) -> list[Observation]:
    """What violates a constraint; empty if every row fulfils it."""
    where = f"{database}: {constraint.schema}.{constraint.table}"
    connection.execute(WITHOUT_INDEXES)
    try:
        if isinstance(constraint, UniqueIndex):
            return _duplicates(connection, where, constraint)
        return _nulls(connection, where, constraint)
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        return [refused(where, error)]


def duplicates_query(index: UniqueIndex) -> sql.Composed:
    """How many values a unique index has more than once, and where two of the rows lie."""
    return sql.SQL(
        "SELECT count(*), min(first)::text, min(last)::text FROM (SELECT min(ctid) AS first, max(ctid) AS last "
        "FROM {table} WHERE {guarded} GROUP BY {values} HAVING count(*) > 1) AS twice"
    ).format(table=index.relation, guarded=index.guarded, values=index.values)


def _duplicates(connection: psycopg.Connection, where: str, index: UniqueIndex) -> list[Observation]:
    row = connection.execute(duplicates_query(index)).fetchone()
    if row is None or not row[0]:
        return []
    count = f"{row[0]} value{'s' if row[0] > 1 else ''} of the unique index {index.name} more than once"
    return [violation(f"{where} holds {count} (rows {row[1]}, {row[2]})")]


def _nulls(connection: psycopg.Connection, where: str, columns: NotNull) -> list[Observation]:
    counted = sql.SQL(", ").join(
        sql.SQL("count(*) FILTER (WHERE {} > 0)").format(replace(columns, columns=[column]).nulls)
        for column in columns.columns
    )
    row = connection.execute(sql.SQL("SELECT {} FROM {}").format(counted, columns.relation)).fetchone() or ()
    return [
        violation(f"{where}: {number} row{'s' if number > 1 else ''} without {column}, which must not be null")
        for column, number in zip(columns.columns, row, strict=True)
        if number
    ]
