"""Queries that fail on some of their rows, told apart from those that fail as a whole.

A division by zero, a cast, a subquery with two rows or a function that raises ends a whole statement for the sake of
one row. Whose rows they are is found by asking for ever fewer; everybody else's come out as without them.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.queries import FAILS_ON_DATA, Connection, config_errors

MOST_FAILING = 50
"""If more fail than this, the query is wrong and not their rows."""
SECONDS = 10.0

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Rows:
    """Rows of a query, and the identifiers whose rows it fails on, with the server's words; None stands for NULL."""

    rows: Sequence[Row]
    failing: Mapping[str | None, str]


def rows_of(
    connection: Connection,
    key: str,
    table: sql.Composable,
    columns: str,
    identifier: str,
    *,
    grouped: bool = False,
    seconds: float = SECONDS,
) -> Rows:
    """All rows of a query of printflow.toml.

    Args:
        connection: to the database.
        key: what printflow.toml calls the query.
        table: the query as something to select from.
        columns: what to select of it; the identifier, as text, comes first.
        identifier: the column that tells whose a row is.
        grouped: whether the other columns are aggregates of each identifier's rows.
        seconds: how long it may take to find out whose rows fail.

    Raises:
        ConfigError: the query is refused, or fails on the rows of too many, or it takes too long to find out on whose.
    """
    select = sql.SQL("SELECT {} FROM {}").format(sql.SQL(columns), table)
    group = sql.SQL(" GROUP BY 1" if grouped else "")
    with config_errors(key):
        try:
            return Rows(connection.execute(select + group).fetchall(), {})
        except FAILS_ON_DATA:
            return _told_apart(connection, select, group, table, identifier, time.monotonic() + seconds)


def _told_apart(
    connection: Connection,
    select: sql.Composed,
    group: sql.SQL,
    table: sql.Composable,
    identifier: str,
    deadline: float,
) -> Rows:
    """Raises:
    psycopg.Error: the query fails on the rows of too many, or it takes too long, or it fails whatever is read of it.
    """
    column = sql.SQL("{}::text").format(sql.Identifier(identifier))
    whose = sql.SQL("SELECT DISTINCT {} FROM {}").format(column, table)
    everybody: list[str | None] = [name for (name,) in connection.execute(whose)]
    rows: list[Row] = []
    failing: dict[str | None, str] = {}
    parts = [everybody]
    while parts:
        part = parts.pop()
        named = sql.Literal([name for name in part if name is not None])
        unnamed = sql.SQL("{} IS NULL" if None in part else "false").format(column)
        try:
            theirs = sql.SQL("{} WHERE {} = ANY({}) OR {}{}").format(select, column, named, unnamed, group)
            rows += connection.execute(theirs).fetchall()
        except FAILS_ON_DATA as refused:
            if time.monotonic() > deadline:
                raise
            if len(part) > 1:
                parts += [part[: len(part) // 2], part[len(part) // 2 :]]
                continue
            failing[part[0]] = error_text(refused)
            if len(failing) > MOST_FAILING:
                raise
    # Text in no encoding comes with escapes, by which it cannot be asked for.
    for name in {*everybody} - {row[0] for row in rows} - failing.keys():
        failing[name] = "its rows cannot be asked for alone"
    return Rows(rows, failing)
