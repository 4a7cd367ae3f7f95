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

from printflow_reliability.restore.validation.observations import Observation, refused, violation
from printflow_reliability.text import agreed, counted

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
    child_is_partitioned: bool
    parent_is_partitioned: bool
    match_full: bool
    validated: bool
    temporal: bool
    child_columns: list[str]
    parent_columns: list[str]
    operators: list[list[str]]
    primary_key: list[str]
    bytes: int

    @property
    def relation(self) -> sql.Composable:
        """The referring table as a FROM clause has it."""
        return relation(self.child_schema, self.child_table, partitioned=self.child_is_partitioned)

    @property
    def parent(self) -> sql.Composable:
        """The table referred to, as a FROM clause has it."""
        return relation(self.parent_schema, self.parent_table, partitioned=self.parent_is_partitioned)

    @property
    def asked(self) -> sql.Composable:
        """Whether a row of `child` must have a row in the parent.

        MATCH SIMPLE asks nothing of a row with a null in any column; MATCH FULL only of one with nulls in all of them.
        """
        columns = sql.SQL(", ").join(
            sql.SQL("child.{}").format(sql.Identifier(column)) for column in self.child_columns
        )
        # Functions to the planner; since version 17 it takes "IS NOT NULL" of a not-null column to be true.
        if self.match_full:
            # A row that is partly null fits no parent, so whoever looks for one finds it by itself.
            return sql.SQL("num_nonnulls({}) > 0").format(columns)
        return sql.SQL("num_nulls({}) = 0").format(columns)

    def fits(self, parents: Sequence[sql.Composable]) -> sql.Composable:
        """Whether these expressions of a parent's row are what a row of `child` refers to."""
        return sql.SQL(" AND ").join(
            sql.SQL("{} OPERATOR({}.{}) child.{}").format(
                parent, sql.Identifier(schema), sql.SQL(operator), sql.Identifier(column)
            )
            for parent, (schema, operator), column in zip(parents, self.operators, self.child_columns, strict=True)
        )

    @property
    def label(self) -> str:
        """As a finding calls it."""
        return f"{self.child_schema}.{self.child_table}.{self.name}"


def foreign_keys(connection: psycopg.Connection) -> tuple[ForeignKey, ...]:
    """Every foreign key of a database."""
    with connection.cursor(row_factory=class_row(ForeignKey)) as cursor:
        return tuple(cursor.execute(FOREIGN_KEYS).fetchall())


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
    parents = [sql.SQL("parent.{}").format(sql.Identifier(column)) for column in key.parent_columns]
    return sql.SQL(
        "WITH violation AS MATERIALIZED (SELECT {identity} AS row FROM {child} AS child WHERE {asked} "
        "AND NOT EXISTS (SELECT FROM {parent} AS parent WHERE {fits})) "
        "SELECT (SELECT count(*) FROM violation), ARRAY(SELECT row FROM violation LIMIT {examples})"
    ).format(
        identity=_identity(key.primary_key),
        child=key.relation,
        asked=key.asked,
        parent=key.parent,
        fits=key.fits(parents),
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


def relation(schema: str, table: str, *, partitioned: bool = False) -> sql.Composable:
    """A table as a FROM clause has it: itself, or all of its partitions."""
    return sql.SQL("{}{}").format(sql.SQL("" if partitioned else "ONLY "), sql.Identifier(schema, table))
