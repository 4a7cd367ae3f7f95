"""Queries that fail on some of their rows, told apart from those that fail as a whole.

A division by zero, a cast, a subquery with two rows or a function that raises ends a whole statement for the sake of
one row. Whose rows they are is found by asking for ever fewer; everybody else's come out as without them.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from printflow_reliability.platform.conditions import value_is
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.queries import Connection, config_errors, fails_on_data

MOST_FAILING = 50
"""If more fail than this and not one can be read, the query is wrong and not their rows."""
SECONDS = 10.0
NO_TIME = "the query fails on many rows, and there was no time to read these apart from them"
EACH_ALONE = 100
"""As many names are excluded by a condition each, which costs less than any that the query itself may have."""

Row = tuple[Any, ...]
Name = str | None


@dataclass(frozen=True)
class Query:
    """What is read of a query of printflow.toml, and how its rows are told apart.

    Attributes:
        key: what printflow.toml calls it.
        table: it, as something to select from.
        columns: what to select of it; the identifier, as text, comes first.
        identifier: the column that tells whose a row is.
        type_name: the type of that column.
        grouped: whether the other columns are aggregates of each identifier's rows.
        within: the condition of all rows that are wanted.
    """

    key: str
    table: sql.Composable
    columns: sql.Composable
    identifier: str
    type_name: str = "text"
    grouped: bool = False
    within: sql.Composable = field(default_factory=lambda: sql.SQL("true"))

    def rows(self, condition: sql.Composable) -> sql.Composed:
        """The rows that fulfil a condition besides."""
        group = sql.SQL(" GROUP BY 1" if self.grouped else "")
        return sql.SQL("SELECT {} FROM {} WHERE {} AND {}{}").format(
            self.columns, self.table, self.within, condition, group
        )

    @property
    def names(self) -> sql.Composed:
        """Every identifier once, as text."""
        column = sql.Identifier(self.identifier)
        return sql.SQL("SELECT DISTINCT {}::text FROM {} WHERE {}").format(column, self.table, self.within)

    def of(self, names: Collection[Name]) -> sql.Composable:
        """The condition for the rows of these; None stands for NULL."""
        named = [name for name in names if name is not None]
        if None not in names:
            return value_is(self.identifier, self.type_name, named)
        nobodys = sql.SQL("{} IS NULL").format(sql.Identifier(self.identifier))
        return sql.SQL("({} OR {})").format(nobodys, self.of(named)) if named else nobodys

    def without(self, names: Collection[Name]) -> sql.Composable:
        """The condition for the rows of all but these, so cheap that the planner puts it before the query's own."""
        named, column = [name for name in names if name is not None], sql.Identifier(self.identifier)
        groups = [[name] for name in named] if len(named) <= EACH_ALONE else [named]
        absent = [sql.SQL("({} IS NULL OR NOT ({}))").format(column, self.of(group)) for group in groups]
        if None in names:
            absent.append(sql.SQL("({} IS NOT NULL)").format(column))
        return sql.SQL(" AND ").join(absent) if absent else sql.SQL("true")


@dataclass(frozen=True)
class Rows:
    """Rows of a query, and whose could not be read; the identifier None stands for NULL.

    Attributes:
        rows: all others'.
        failing: the identifiers whose rows it fails on, with the server's words.
        unread: those for which there was no time.
        others: why rows of identifiers that nobody named could not be read; empty if they were, or all are known.
    """

    rows: Sequence[Row]
    failing: Mapping[Name, str] = field(default_factory=dict)
    unread: Collection[Name] = ()
    others: str = ""


def rows_of(
    connection: Connection, query: Query, *, names: Iterable[Name] | None = None, seconds: float = SECONDS
) -> Rows:
    """All rows of a query of printflow.toml.

    Args:
        connection: to the database.
        query: what to read.
        names: whose rows to ask for where the query fails on the rows that it would not even return, so that it cannot
            tell whose there are; None to ask the query.
        seconds: how long it may take to find out whose rows fail.

    Raises:
        ConfigError: the query is refused.
        FailsOnData: it fails on the rows of too many and nothing of it could be read.
    """
    with config_errors(query.key):
        try:
            return Rows(connection.execute(query.rows(sql.SQL("true"))).fetchall())
        except psycopg.DatabaseError as refused:
            if not fails_on_data(refused):
                raise
            search = _Search(connection, query, time.monotonic() + seconds)
            return search.among_its_own() if names is None else search.among(names)


class _Search:
    """Finding out whose rows a query fails on; psycopg.Error where that cannot be told."""

    def __init__(self, connection: Connection, query: Query, deadline: float) -> None:
        self._connection = connection
        self._query = query
        self._deadline = deadline
        self._rows: list[Row] = []
        self._failing: dict[Name, str] = {}
        self._unread: list[Name] = []

    def among_its_own(self) -> Rows:
        """Among those that the query itself returns."""
        everybody = [name for (name,) in self._connection.execute(self._query.names)]
        self._bisect(everybody)
        # Text in no encoding comes with escapes, by which it cannot be asked for.
        told = {row[0] for row in self._rows} | self._failing.keys() | {*self._unread}
        self._failing |= dict.fromkeys({*everybody} - told, "its rows cannot be asked for alone")
        return Rows(self._rows, self._failing, self._unread)

    def among(self, names: Iterable[Name]) -> Rows:
        """Among these, and then all that is not theirs."""
        self._bisect([*dict.fromkeys(names)])
        others = self._query.rows(self._query.without({*self._failing, *self._unread}))
        try:
            return Rows(self._connection.execute(others).fetchall(), self._failing, self._unread)
        except psycopg.DatabaseError as refused:
            if not fails_on_data(refused) or not self._rows:
                raise
            return Rows(self._rows, self._failing, self._unread, error_text(refused))

    def _bisect(self, names: list[Name]) -> None:
        parts = [names]
        while parts:
            part = parts.pop()
            try:
                self._rows += self._connection.execute(self._query.rows(self._query.of(part))).fetchall()
            except psycopg.DatabaseError as refused:
                if not fails_on_data(refused):
                    raise
                hopeless = not self._rows and len(self._failing) >= MOST_FAILING
                late = time.monotonic() > self._deadline
                if hopeless or (late and not self._rows):
                    raise
                if late:
                    self._unread += [name for left in (part, *parts) for name in left]
                    return
                if len(part) > 1:
                    parts += [part[: len(part) // 2], part[len(part) // 2 :]]
                else:
                    self._failing[part[0]] = error_text(refused)
