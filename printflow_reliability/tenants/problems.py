"""What would keep a tenant's absent rows from being written: known before the first of them is.

A row needs the rows that it refers to, unless they come back with it; its unique values must be free; and what it
refers to must still be this tenant's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from printflow_reliability.platform.foreign_keys import ForeignKey
from printflow_reliability.platform.queries import Connection
from printflow_reliability.tenants.compare import MOVED, absent, matching, unnested, values_of
from printflow_reliability.tenants.schema import Schema, UniqueKey
from printflow_reliability.tenants.selection import Selection, number
from printflow_reliability.tenants.sessions import explained
from printflow_reliability.text import agreed, counted


@dataclass(frozen=True)
class Problem:
    """Why rows of a table cannot be written."""

    table: str
    reason: str
    cluster: str = ""

    def as_json(self) -> dict[str, str]:
        """Every attribute."""
        return dict(self.__dict__)


def find_problems(
    selection: Selection, target: Connection, today: Schema, tables: Sequence[str], *, writes: bool, lock: bool
) -> tuple[Problem, ...]:
    """All problems of rows that are to be written.

    Args:
        selection: the rows, compared with the target.
        target: where they are to be written.
        today: the target's catalog.
        tables: the tables with absent rows that are restored.
        writes: whether the target's role is the one that is to write.
        lock: keep the rows that are referred to from being deleted until the target's transaction ends.

    Raises:
        ConfigError, Refused, CouldNotTell: a table cannot be read.
    """
    found = []
    for label in tables:
        if writes and not today.tables[label].insertable:
            found.append(Problem(label, "the role of restore_url may not insert into it"))
        for key in selection.closure.keys_of(label):
            if moved := _moved(selection, key):
                refer = agreed(moved, "refers", "refer")
                what = f"{moved:,} of its rows {refer} to rows of {key.parent} that are another tenant's in production"
                found.append(Problem(label, what))
        for key in today.foreign_keys:
            if key.child == label and (gone := _missing_parents(selection, target, key, today, tables, lock=lock)):
                are = agreed(gone, "is", "are")
                what = f"{counted(gone, 'row')} of {key.parent} that its rows refer to by {key.name} {are} gone"
                found.append(Problem(label, what))
        for unique in today.tables[label].unique_keys:
            if taken := _taken(selection, target, label, unique):
                have = agreed(taken, "has", "have")
                what = f"{taken:,} of its rows {have} values of the unique index {unique.name} that are taken"
                found.append(Problem(label, what))
    return tuple(found)


def _moved(selection: Selection, key: ForeignKey) -> int:
    if key.parent not in selection.places:
        return 0
    query = sql.SQL(
        "SELECT count(*) FROM {} WHERE {} AND EXISTS (SELECT FROM {} AS p JOIN {} AS o ON o.rel = p.tableoid "
        "AND o.tid = p.ctid WHERE {} AND o.state = {})"
    ).format(
        selection.rows(key.child),
        absent(),
        key.parent_rows,
        selection.places[key.parent],
        key.matches("t", "p"),
        sql.Literal(MOVED),
    )
    with explained(key.child):
        return number(selection.source, query)


def _missing_parents(
    selection: Selection, target: Connection, key: ForeignKey, today: Schema, tables: Sequence[str], *, lock: bool
) -> int:
    """How many rows that are referred to are neither in the target nor written with the others."""
    child = selection.closure.tables[key.child]
    if key.temporal or not set(key.child_columns) <= set(child.stored) or key.parent not in today.tables:
        return 0
    refers = sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in key.child_columns)
    there = sql.SQL(" AND ").join(
        sql.SQL("t.{} IS NOT NULL").format(sql.Identifier(name)) for name in key.child_columns
    )
    conditions = [there, absent(), *_needs(selection, key, tables)]
    query = sql.SQL("SELECT DISTINCT {} FROM {} WHERE {}").format(
        refers, selection.rows(key.child), sql.SQL(" AND ").join(conditions)
    )
    matches = matching([child.columns[name] for name in key.child_columns], key.parent_columns, key.comparisons)
    values = unnested(len(key.child_columns))
    missing = sql.SQL("SELECT count(*) FROM {} WHERE NOT EXISTS (SELECT FROM {} AS t WHERE {})").format(
        values, key.parent_rows, matches
    )
    held = sql.SQL("SELECT FROM {} JOIN {} AS t ON {} FOR KEY SHARE OF t").format(values, key.parent_rows, matches)
    found = 0
    with explained(key.parent):
        for batch in values_of(selection, query):
            arrays = _columnwise(batch)
            if lock:
                target.execute(held, arrays)
            row = target.execute(missing, arrays).fetchone()
            found += int(row[0]) if row else 0
    return found


def _needs(selection: Selection, key: ForeignKey, tables: Sequence[str]) -> list[sql.Composable]:
    """The conditions that a row `t` is bound by a key, and that what it refers to does not come back with it.

    A key that production never validated may have dangled already, and then comes back as it was.
    """
    parent = selection.closure.tables.get(key.parent)
    conditions: list[sql.Composable] = []
    if key.partition is not None:
        conditions.append(sql.SQL("t.tableoid = to_regclass({})").format(sql.Literal(key.partition)))
    if parent is not None and key.parent in tables:
        query = "NOT EXISTS (SELECT FROM {} AS p JOIN {} AS o ON o.rel = p.tableoid AND o.tid = p.ctid WHERE {} AND {})"
        conditions.append(
            sql.SQL(query).format(
                key.parent_rows,
                selection.places[key.parent],
                key.matches("t", "p"),
                sql.SQL("o.touched AND NOT o.other AND {}").format(absent("o")),
            )
        )
    if not key.validated and parent is not None:
        dangling = sql.SQL("EXISTS (SELECT FROM {} AS p WHERE {})")
        conditions.append(dangling.format(key.parent_rows, key.matches("t", "p")))
    return conditions


def _taken(selection: Selection, target: Connection, label: str, unique: UniqueKey) -> int:
    """How many absent rows have unique values that another row of the target has."""
    table = selection.closure.tables[label]
    if table.key is None or set(unique.columns) == set(table.key.columns):
        return 0
    if not set(unique.columns) <= set(table.stored):
        return 0
    values = sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in unique.columns)
    filled = sql.SQL(" AND ").join(sql.SQL("t.{} IS NOT NULL").format(sql.Identifier(name)) for name in unique.columns)
    query = sql.SQL("SELECT {} FROM {} WHERE {} AND {}").format(values, selection.rows(label), absent(), filled)
    there = sql.SQL("SELECT count(*) FROM {} JOIN {} AS t ON {}").format(
        unnested(len(unique.columns)),
        table.rows,
        matching([table.columns[name] for name in unique.columns], unique.columns),
    )
    found = 0
    with explained(label):
        for batch in values_of(selection, query):
            row = target.execute(there, _columnwise(batch)).fetchone()
            found += int(row[0]) if row else 0
    return found


def _columnwise(batch: Sequence[tuple[str, ...]]) -> list[list[str]]:
    return [list(column) for column in zip(*batch, strict=True)]
