"""Whose rows a query fails on: what is asked, and what is said where there is no time to ask everything."""

import re
from typing import Any, cast

import psycopg
import pytest
from psycopg import sql

from printflow_reliability.platform.queries import Connection, FailsOnData
from printflow_reliability.platform.row_by_row import MOST_FAILING, Query, Row, rows_of

QUERY = Query("a.query", sql.SQL("asked"), sql.SQL("owner"), "owner")
NAMES = [f"n{number}" for number in range(16)]


class Database:
    """One row for each name; a query fails once it reads a row of a bad one.

    Attributes:
        tells: whether it names them all without reading more of them.
        bad: whose rows fail.
        given: how many rows it has returned.
    """

    def __init__(self, *bad: str, tells: bool = True) -> None:
        self.tells = tells
        self.bad = set(bad)
        self.given = 0

    def execute(self, query: sql.Composed) -> Any:
        text = query.as_string(None)
        named = {name for name in NAMES if re.search(rf"\b{name}\b", text)}
        if text.startswith("SELECT DISTINCT"):
            if not self.tells:
                raise psycopg.errors.DivisionByZero("division by zero")
            return [(name,) for name in NAMES]
        asked = set(NAMES) - named if "NOT (" in text or not named else named
        if asked & self.bad:
            raise psycopg.errors.DivisionByZero("division by zero")
        self.given += len(asked)
        return Cursor([(name,) for name in sorted(asked)])


class Cursor(list[Row]):
    """Rows that were returned."""

    fetchall = list.copy


def connected(database: Database) -> Connection:
    return cast("Connection", database)


@pytest.mark.parametrize("tells", [True, False])
def test_only_those_whose_rows_fail_are_missing(tells: bool) -> None:
    names = None if tells else NAMES[:8]
    found = rows_of(connected(Database("n3", "n5", tells=tells)), QUERY, names=names)
    assert found.failing == dict.fromkeys(("n3", "n5"), "division by zero")
    assert {row[0] for row in found.rows} == {*NAMES} - {"n3", "n5"}
    assert (found.unread, found.others) == ([], "")


def test_a_query_that_does_not_fail_is_asked_once() -> None:
    database = Database()
    assert len(rows_of(connected(database), QUERY).rows) == len(NAMES) == database.given


def test_rows_of_nobody_that_was_named_are_said_where_they_fail() -> None:
    found = rows_of(connected(Database("n12", tells=False)), QUERY, names=NAMES[:8])
    assert ({row[0] for row in found.rows}, found.failing) == ({*NAMES[:8]}, {})
    assert found.others == "division by zero"


def test_what_there_is_no_time_for_is_neither_read_nor_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database("n3")
    monkeypatch.setattr("printflow_reliability.platform.row_by_row.time.monotonic", lambda: 1e9 * (database.given > 0))
    found = rows_of(connected(database), QUERY)
    assert {row[0] for row in found.rows} == {*NAMES[8:]}
    assert (set(found.unread), found.failing) == ({*NAMES[:8]}, {})


@pytest.mark.parametrize("tells", [True, False])
def test_a_query_of_which_nothing_can_be_read_is_wrong_itself(monkeypatch: pytest.MonkeyPatch, tells: bool) -> None:
    monkeypatch.setattr("printflow_reliability.platform.row_by_row.MOST_FAILING", 4)
    assert len(NAMES) < MOST_FAILING
    with pytest.raises(FailsOnData, match="division by zero"):
        rows_of(connected(Database(*NAMES, tells=tells)), QUERY, names=None if tells else NAMES)


@pytest.mark.parametrize(
    ("names", "condition"),
    [
        (["a"], """("owner" IS NULL OR NOT ("owner" = 'a'::text))"""),
        ([None], '("owner" IS NOT NULL)'),
        ([], "true"),
    ],
)
def test_exclusions_are_conditions_of_their_own(names: list[str | None], condition: str) -> None:
    assert QUERY.without(names).as_string(None) == condition
