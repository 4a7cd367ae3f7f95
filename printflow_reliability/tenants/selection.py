"""Which rows of a source are one tenant's: told row by row, in temporary tables of the source's session.

A row whose tenant column has a value is that tenant's. Any other row is a tenant's if it leads by foreign keys, over
any number of rows, to rows of this tenant and to none of another; one that leads to several is shared, and nobody's to
move. Rows that lead to no tenant count for neither. Circles and references within a table need nothing special.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import psycopg
from psycopg import sql

from printflow_reliability.platform.foreign_keys import ForeignKey
from printflow_reliability.platform.queries import Connection
from printflow_reliability.tenants.closure import Closure
from printflow_reliability.tenants.schema import Column
from printflow_reliability.tenants.sessions import explained

MAKE = sql.SQL(
    """CREATE TEMPORARY TABLE {} (
    rel oid, tid tid,
    round integer NOT NULL,                 -- in which it was found
    touched boolean NOT NULL,               -- leads to the tenant
    decided boolean NOT NULL,               -- its own column says whose it is
    other boolean NOT NULL DEFAULT false,   -- leads to another tenant
    state "char",                           -- of its twin in the target; see compare.py
    PRIMARY KEY (rel, tid)) ON COMMIT DROP"""
)
DOWN = sql.SQL(
    """INSERT INTO {children} (rel, tid, round, touched, decided)
SELECT DISTINCT c.tableoid, c.ctid, {round}::integer, true, false
FROM {child} AS c JOIN {parent} AS p ON {matches}
JOIN {parents} AS r ON r.rel = p.tableoid AND r.tid = p.ctid
WHERE r.touched AND r.round = {round}::integer - 1 AND {undecided}
ON CONFLICT DO NOTHING"""
)
UP = sql.SQL(
    """INSERT INTO {parents} (rel, tid, round, touched, decided)
SELECT DISTINCT p.tableoid, p.ctid, {round}::integer, false, NOT ({parent_undecided})
FROM {children} AS r JOIN {child} AS c ON r.rel = c.tableoid AND r.tid = c.ctid JOIN {parent} AS p ON {matches}
WHERE NOT r.decided AND ({first} OR r.round = {round}::integer - 1)
ON CONFLICT DO NOTHING"""
)
TAINT = sql.SQL(
    """UPDATE {children} AS r SET other = true
FROM {child} AS c JOIN {parent} AS p ON {matches} JOIN {parents} AS o ON o.rel = p.tableoid AND o.tid = p.ctid
WHERE r.rel = c.tableoid AND r.tid = c.ctid AND NOT r.decided AND NOT r.other AND o.other"""
)

Step: TypeAlias = Callable[["Selection", ForeignKey, set[str], int, bool], str | None]


@dataclass(frozen=True)
class Selection:
    """The rows of one tenant in a source, for as long as its transaction lasts."""

    source: Connection
    closure: Closure
    places: Mapping[str, sql.Identifier]

    def rows(self, label: str) -> sql.Composed:
        """What follows FROM to get the tenant's rows of a table as `t`, and what is known of each as `r`."""
        return sql.SQL(
            "{} AS t JOIN {} AS r ON t.tableoid = r.rel AND t.ctid = r.tid AND r.touched AND NOT r.other"
        ).format(self.closure.tables[label].rows, self.places[label])

    def count(self, label: str, *, shared: bool = False) -> int:
        """How many rows of a table are the tenant's, or are shared with others."""
        query = sql.SQL("SELECT count(*) FROM {} AS r WHERE r.touched AND r.other = {}")
        return number(self.source, query.format(self.places[label], sql.Literal(shared)))

    @property
    def shared(self) -> int:
        """How many rows the tenant shares with others."""
        return sum(self.count(label, shared=True) for label in self.places)


def select(source: Connection, closure: Closure, tenant: str) -> Selection:
    """Find every row of a tenant; the source must be in a transaction that may make temporary tables.

    Raises:
        ConfigError, Refused, CouldNotTell: a table cannot be read.
    """
    readable = [label for label, table in closure.tables.items() if table.readable]
    places = {label: sql.Identifier("pg_temp", f"printflow_rows_{index}") for index, label in enumerate(readable)}
    found = Selection(source, closure, places)
    says: set[str] = set()
    for label, place in places.items():
        with explained(label):
            source.execute(MAKE.format(place))
            if _by_column(found, label, tenant):
                says.add(label)
    rounds = count(1)
    _spread(found, says, rounds, _down)
    if _any_undecided(found):
        _spread(found, set(places), rounds, _up)
        _mark_others(found)
    for place in places.values():
        source.execute(sql.SQL("ANALYZE {}").format(place))
    return found


def number(connection: Connection, query: sql.Composed) -> int:
    """The one number that a query returns."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def _by_column(found: Selection, label: str, tenant: str) -> int:
    name = found.closure.says(label)
    if name is None:
        return 0
    table = found.closure.tables[label]
    value = _as(found.source, table.columns[name], tenant)
    if value is None:
        return 0
    return found.source.execute(
        sql.SQL(
            "INSERT INTO {} (rel, tid, round, touched, decided) "
            "SELECT t.tableoid, t.ctid, 0, true, true FROM {} AS t WHERE t.{} = {}"
        ).format(found.places[label], table.rows, sql.Identifier(name), value)
    ).rowcount


def _as(source: Connection, column: Column, tenant: str) -> sql.Composed | None:
    """The tenant's id in a column's own type, so that its index serves; None if that type has no such value."""
    value = column.cast(sql.Literal(tenant))
    try:
        with source.transaction():
            source.execute(sql.SQL("SELECT {}").format(value))
    except (psycopg.DataError, psycopg.IntegrityError):
        return None
    return value


def _spread(found: Selection, grown: set[str], rounds: Iterator[int], step: Step) -> None:
    """Follow foreign keys from the tables that have grown, until a round finds no row."""
    first = True
    while grown:
        number_of_round = next(rounds)
        grown = {
            label for key in _keys(found) if (label := step(found, key, grown, number_of_round, first)) is not None
        }
        first = False


def _down(found: Selection, key: ForeignKey, grown: set[str], round: int, _first: bool) -> str | None:
    """From rows of the tenant to those that refer to them; the table, if it has grown."""
    if key.parent not in grown or key.child == found.closure.root:
        return None
    statement = DOWN.format(**_parts(found, key), round=sql.Literal(round))
    return key.child if _run(found, key.child, statement) else None


def _up(found: Selection, key: ForeignKey, grown: set[str], round: int, first: bool) -> str | None:
    """From rows that do not say whose they are to those that they refer to; the table, if it has grown."""
    if key.child not in grown:
        return None
    statement = UP.format(**_parts(found, key), round=sql.Literal(round), first=sql.Literal(first))
    return key.parent if _run(found, key.parent, statement) else None


def _mark_others(found: Selection) -> None:
    """Mark the rows that say that they are another tenant's, then all that lead to one of these."""
    for label, place in found.places.items():
        _run(found, label, sql.SQL("UPDATE {} SET other = true WHERE decided AND NOT touched").format(place))
    while sum(_run(found, key.child, TAINT.format(**_parts(found, key))) for key in _keys(found)):
        pass


def _any_undecided(found: Selection) -> bool:
    query = sql.SQL("SELECT count(*) FROM {} WHERE NOT decided")
    return any(number(found.source, query.format(place)) for place in found.places.values())


def _keys(found: Selection) -> Iterable[ForeignKey]:
    return [key for key in found.closure.foreign_keys if key.child in found.places and key.parent in found.places]


def _parts(found: Selection, key: ForeignKey) -> dict[str, sql.Composable]:
    return {
        "children": found.places[key.child],
        "parents": found.places[key.parent],
        "child": key.child_rows,
        "parent": key.parent_rows,
        "matches": key.matches("c", "p"),
        "undecided": _undecided(found, key.child, "c"),
        "parent_undecided": _undecided(found, key.parent, "p"),
    }


def _undecided(found: Selection, label: str, alias: str) -> sql.Composable:
    """The condition that a row does not say itself whose it is."""
    says = found.closure.says(label)
    return sql.SQL("{} IS NULL").format(sql.Identifier(alias, says)) if says else sql.SQL("true")


def _run(found: Selection, label: str, statement: sql.Composed) -> int:
    with explained(label):
        return int(found.source.execute(statement).rowcount)
