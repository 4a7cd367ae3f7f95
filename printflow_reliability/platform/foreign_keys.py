"""The foreign keys of a database, as its catalog has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql
from psycopg.rows import class_row

from printflow_reliability.platform.queries import Connection

FOREIGN_KEYS = Path(__file__).with_name("foreign_keys.sql").read_text(encoding="utf-8").encode()


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key.

    Attributes:
        child, parent: the whole tables, as labels (schema.table); a partition is part of its partitioned table.
        child_schema, child_table, parent_schema, parent_table: what the constraint itself is about, be it a partition.
        child_is_partitioned, parent_is_partitioned: whether that is a partitioned table with all of its partitions.
        match_full: MATCH FULL rather than MATCH SIMPLE.
        validated, enforced: not of constraints that are NOT VALID or NOT ENFORCED by choice.
        temporal: its last column is a PERIOD.
        operators: (schema, name) of parent = child for each column.
        primary_key: the child's, if its columns are numbers or UUIDs.
        bytes: the size of both tables; 0 where it was not asked for.
    """

    name: str
    child: str
    parent: str
    child_schema: str
    child_table: str
    parent_schema: str
    parent_table: str
    child_columns: Sequence[str]
    parent_columns: Sequence[str]
    operators: Sequence[Sequence[str]]
    child_is_partitioned: bool = False
    parent_is_partitioned: bool = False
    match_full: bool = False
    validated: bool = True
    enforced: bool = True
    deferrable: bool = False
    temporal: bool = False
    primary_key: Sequence[str] = ()
    bytes: int = 0

    @property
    def label(self) -> str:
        """As a finding calls it."""
        return f"{self.child_schema}.{self.child_table}.{self.name}"

    @property
    def child_rows(self) -> sql.Composable:
        """The referring rows, as a FROM clause has them."""
        return own_rows(self.child_schema, self.child_table, partitioned=self.child_is_partitioned)

    @property
    def parent_rows(self) -> sql.Composable:
        """The rows referred to, as a FROM clause has them."""
        return own_rows(self.parent_schema, self.parent_table, partitioned=self.parent_is_partitioned)

    @property
    def partition(self) -> str | None:
        """The name in SQL of the one partition of the child that it is about; None if it is about all."""
        if self.child == f"{self.child_schema}.{self.child_table}":
            return None
        return sql.Identifier(self.child_schema, self.child_table).as_string()

    @property
    def comparisons(self) -> tuple[sql.Composable, ...]:
        """The operators between a column of the parent and one of the child, as expressions have them."""
        return tuple(
            sql.SQL("OPERATOR({}.{})").format(sql.Identifier(schema), sql.SQL(operator))
            for schema, operator in self.operators
        )

    def fits(self, parents: Sequence[sql.Composable], child: str) -> sql.Composed:
        """The condition that a row of alias `child` refers to a row of the parent with these expressions."""
        return sql.SQL(" AND ").join(
            sql.SQL("{} {} {}").format(parent, comparison, sql.Identifier(child, column))
            for parent, comparison, column in zip(parents, self.comparisons, self.child_columns, strict=True)
        )

    def matches(self, child: str, parent: str) -> sql.Composed:
        """The condition that a row of alias `child` refers to one of alias `parent`."""
        return self.fits([sql.Identifier(parent, column) for column in self.parent_columns], child)


def read_foreign_keys(connection: Connection, *, sizes: bool = False) -> tuple[ForeignKey, ...]:
    """Every foreign key of the connection's database.

    Args:
        connection: to the database.
        sizes: whether to ask for the tables' sizes, which waits for tables that somebody has locked.
    """
    with connection.cursor(row_factory=class_row(ForeignKey)) as cursor:
        return tuple(cursor.execute(FOREIGN_KEYS, {"sizes": sizes}).fetchall())


def own_rows(schema: str, table: str, *, partitioned: bool = False) -> sql.Composable:
    """A table's own rows as a FROM clause has them: its own, or those of all of its partitions."""
    return sql.SQL("{}{}").format(sql.SQL("" if partitioned else "ONLY "), sql.Identifier(schema, table))
