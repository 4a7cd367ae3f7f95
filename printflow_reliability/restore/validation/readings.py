"""One reading of a table for all of its constraints at once: what it clears needs no reading of its own.

A constraint's own query reads the whole table, and several of a large table read it several times. A reading counts
what cannot be if all is well, and errs in one direction only: parents that come twice, or hashes that happen to be
equal, make it suspect a constraint that holds. So what it clears does hold; what it suspects, or cannot read, is then
asked by the query that finds the words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import psycopg
from psycopg import sql

from printflow_reliability.platform.damage import is_damage
from printflow_reliability.platform.foreign_keys import ForeignKey
from printflow_reliability.restore.validation.constraints import NotNull, UniqueIndex
from printflow_reliability.restore.validation.foreign_keys import WITHOUT_INDEXES, bound

Constraint = UniqueIndex | NotNull | ForeignKey


class HasBytes(Protocol):
    """Something whose size is known."""

    @property
    def bytes(self) -> int: ...


Sized = TypeVar("Sized", bound=HasBytes)


@dataclass(frozen=True)
class TableConstraints:
    """A table (its FROM clause as `relation`) and what its rows must fulfil."""

    relation: sql.Composable
    bytes: int
    constraints: Sequence[Constraint]

    @property
    def label(self) -> str:
        """As observations call it."""
        first = self.constraints[0]
        if isinstance(first, ForeignKey):
            return f"{first.child_schema}.{first.child_table}"
        return f"{first.schema}.{first.table}"


def by_table(constraints: Iterable[Constraint]) -> tuple[TableConstraints, ...]:
    """Group constraints by the table whose rows must fulfil them."""
    grouped: dict[str, list[Constraint]] = {}
    for constraint in constraints:
        grouped.setdefault(_rows(constraint).as_string(), []).append(constraint)
    return tuple(
        TableConstraints(_rows(group[0]), max(constraint.bytes for constraint in group), group)
        for group in grouped.values()
    )


def batches(sized: Iterable[Sized], *, most: int) -> tuple[tuple[Sized, ...], ...]:
    """Divide tables or indexes into batches of at most so many bytes, one that has more being alone; in no order."""
    divided: list[list[Sized]] = []
    left = 0
    for item in sorted(sized, key=lambda item: item.bytes):
        if not divided or item.bytes > left:
            divided.append([])
            left = most
        divided[-1].append(item)
        left -= item.bytes
    return tuple(map(tuple, divided))


def suspects(connection: psycopg.Connection, table: TableConstraints) -> tuple[Constraint, ...]:
    """The constraints that one reading of the table does not clear; all of them if it cannot be read like this.

    Raises:
        psycopg.DatabaseError: the table is damaged, or takes longer than a statement may: no other query would help.
    """
    connection.execute(WITHOUT_INDEXES)
    try:
        row = connection.execute(reading(table)).fetchone()
    except psycopg.DatabaseError as error:
        if connection.closed or is_damage(error) or isinstance(error, psycopg.errors.QueryCanceled):
            raise
        row = None
    counts = row or (None,) * len(table.constraints)
    return tuple(constraint for constraint, count in zip(table.constraints, counts, strict=True) if count != 0)


def reading(table: TableConstraints) -> sql.Composed:
    """The query: for each constraint, in order, a number that is 0 if every row fulfils it."""
    counts, joins = [], []
    for number, constraint in enumerate(table.constraints):
        match constraint:
            case NotNull():
                counts.append(sql.SQL("count(*) FILTER (WHERE {} > 0)").format(constraint.nulls))
            case UniqueIndex():
                # Equal values have equal hashes, which are sorted several times as fast as texts or rows.
                hashed = sql.SQL("hash_record_extended(ROW({}), 0)").format(constraint.values)
                counts.append(
                    sql.SQL(
                        "count(*) FILTER (WHERE {guarded}) - count(DISTINCT {value}) FILTER (WHERE {guarded})"
                    ).format(
                        guarded=constraint.guarded,
                        value=constraint.values if constraint.by_value and not constraint.nulls_are_equal else hashed,
                    )
                )
            case ForeignKey():
                parent = sql.Identifier(f"printflow {number}")
                counts.append(sql.SQL("count(*) FILTER (WHERE {} AND {} IS NULL)").format(bound(constraint), parent))
                joins.append(_join(constraint, parent))
    return sql.SQL("SELECT {} FROM {} AS child{}").format(
        sql.SQL(", ").join(counts), table.relation, sql.SQL("").join(joins)
    )


def _rows(constraint: Constraint) -> sql.Composable:
    """The rows that must fulfil a constraint, as a FROM clause has them."""
    return constraint.child_rows if isinstance(constraint, ForeignKey) else constraint.relation


def _join(key: ForeignKey, parent: sql.Identifier) -> sql.Composable:
    """The rows that a key refers to, under names that no column of the table has; `parent` is true for each of them."""
    names = [sql.Identifier(f"printflow key {column}") for column in key.parent_columns]
    columns = [
        sql.SQL("{} AS {}").format(sql.Identifier(column), name)
        for column, name in zip(key.parent_columns, names, strict=True)
    ]
    return sql.SQL(" LEFT JOIN (SELECT {}, true AS {} FROM {}) AS {} ON {}").format(
        sql.SQL(", ").join(columns),
        parent,
        key.parent_rows,
        parent,
        key.fits([sql.SQL("{}.{}").format(parent, name) for name in names], "child"),
    )
