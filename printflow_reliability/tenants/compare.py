"""Each row of a tenant beside its twin in the target, found there by its unique key, its own type and its index.

What is found is noted beside the row in the source, so that neither side keeps rows in memory.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from printflow_reliability.platform.queries import Connection
from printflow_reliability.tenants.schema import Column, Table
from printflow_reliability.tenants.selection import Selection
from printflow_reliability.tenants.sessions import explained

BATCH = 1000
EXAMPLES = 5
IMPERSONAL = frozenset({"smallint", "integer", "bigint", "uuid"})
"""Types of keys that may be shown: a text may be somebody's address."""

ABSENT, SAME, CHANGED, MOVED = "a", "s", "c", "m"
"""States of a row's twin: not there; equal; there with other values; there, and it now belongs elsewhere."""
STATES = sql.SQL(
    'UPDATE {} AS r SET state = s.state::"char" FROM unnest(%s::text[], %s::text[], %s::text[]) AS s (rel, tid, state) '
    "WHERE r.rel = s.rel::oid AND r.tid = s.tid::tid"
)


@dataclass(frozen=True)
class TablePlan:
    """One table's part of a plan; `conflicts` are a few keys of rows, never their contents.

    Attributes:
        insert: rows that are absent in the target.
        conflict: rows that are there and differ; they stay as they are.
        unchanged: rows that are there and are the same.
    """

    table: str
    insert: int = 0
    conflict: int = 0
    unchanged: int = 0
    conflicts: tuple[str, ...] = ()
    cluster: str = ""

    def as_json(self) -> dict[str, Any]:
        """Every attribute."""
        return {**self.__dict__, "conflicts": list(self.conflicts)}


@dataclass(frozen=True)
class Row:
    """A row in the source: where it lies, its key as text, and hashes of its values and of what tells its tenant."""

    rel: str
    tid: str
    key: tuple[str, ...]
    content: str
    owner: str


def plan_table(selection: Selection, target: Connection, label: str) -> TablePlan:
    """Compare a table's rows with the target, and note of each whether it is there.

    Raises:
        ConfigError, Refused, CouldNotTell: the table cannot be read on one side.
    """
    table = selection.closure.tables[label]
    shown = all(table.columns[name].base_type in IMPERSONAL for name in _key(table))
    counts, examples = Counter[str](), list[str]()
    with explained(label):
        for rows, twins in _batches(selection, target, table, sql.SQL("true")):
            states = [_state(row, twins.get(index)) for index, row in enumerate(rows)]
            selection.source.execute(
                STATES.format(selection.places[label]), ([r.rel for r in rows], [r.tid for r in rows], states)
            )
            counts.update(states)
            differing = [row for row, state in zip(rows, states, strict=True) if state in (CHANGED, MOVED)]
            examples += ["/".join(row.key) for row in differing[: EXAMPLES - len(examples)] if shown]
    conflict = counts[CHANGED] + counts[MOVED]
    return TablePlan(label, counts[ABSENT], conflict, counts[SAME], tuple(examples))


def count_unequal(selection: Selection, target: Connection, label: str) -> int:
    """How many of the rows that were absent are not there, or are not the same, now.

    Raises:
        ConfigError, Refused, CouldNotTell: the table cannot be read on one side.
    """
    table = selection.closure.tables[label]
    with explained(label):
        return sum(
            1
            for rows, twins in _batches(selection, target, table, absent())
            for index, row in enumerate(rows)
            if _state(row, twins.get(index)) != SAME
        )


def absent(alias: str = "r") -> sql.Composed:
    """The condition that a row was found to be absent in the target."""
    return sql.SQL("{} = {}").format(sql.Identifier(alias, "state"), sql.Literal(ABSENT))


def values_of(selection: Selection, query: sql.Composed) -> Iterator[list[tuple[str, ...]]]:
    """The rows of a query to the source, all of its columns being text, a batch at a time."""
    with selection.source.cursor(name="printflow_values") as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(BATCH):
            yield rows


def unnested(columns: int) -> sql.Composed:
    """Arrays of text, one for each column, as rows of `k` with the columns c0, c1 and so on, and `n` from 1 on."""
    arrays = sql.SQL(", ").join([sql.SQL("%s::text[]")] * columns)
    names = sql.SQL(", ").join(sql.Identifier(f"c{index}") for index in range(columns))
    return sql.SQL("unnest({}) WITH ORDINALITY AS k ({}, n)").format(arrays, names)


def matching(
    columns: Sequence[Column], names: Sequence[str], comparisons: Sequence[sql.Composable] = ()
) -> sql.Composed:
    """The condition that columns of `t` have the values of a row of `k`, each in the type of the given column."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} {} {}").format(sql.Identifier("t", name), comparison, column.cast(sql.Identifier("k", f"c{index}")))
        for index, (column, name, comparison) in enumerate(
            zip(columns, names, comparisons or [sql.SQL("=")] * len(names), strict=True)
        )
    )


def _batches(
    selection: Selection, target: Connection, table: Table, condition: sql.Composable
) -> Iterator[tuple[list[Row], Mapping[int, tuple[str, str]]]]:
    """Some rows of the source, and by their place among these the hashes of their twins."""
    key = _key(table)
    texts = sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in key)
    hashes = _hashes(selection, table)
    query = sql.SQL("SELECT r.rel::text, r.tid::text, {}, {} FROM {} WHERE {}").format(
        texts, hashes, selection.rows(table.label), condition
    )
    twins = sql.SQL("SELECT k.n, {} FROM {} JOIN {} AS t ON {}").format(
        hashes, unnested(len(key)), table.rows, matching([table.columns[name] for name in key], key)
    )
    for values in values_of(selection, query):
        rows = [Row(value[0], value[1], tuple(value[2:-2]), value[-2], value[-1]) for value in values]
        there = target.execute(twins, [[row.key[index] for row in rows] for index in range(len(key))]).fetchall()
        yield rows, {int(n) - 1: (content, owner) for n, content, owner in there}


def _state(row: Row, twin: tuple[str, str] | None) -> str:
    if twin is None:
        return ABSENT
    content, owner = twin
    if content == row.content:
        return SAME
    return CHANGED if owner == row.owner else MOVED


def _hashes(selection: Selection, table: Table) -> sql.Composed:
    """Of a row `t` the hash of its stored columns, and of what tells whose it is."""
    closure = selection.closure
    refers = sql.SQL("ROW({})::text").format(
        _columns(name for key in closure.keys_of(table.label) for name in key.child_columns)
    )
    says = closure.says(table.label)
    if says is not None:
        refers = sql.SQL("coalesce(t.{}::text, {})").format(sql.Identifier(says), refers)
    return sql.SQL("{}, {}").format(digest(table), _hash(refers))


def digest(table: Table) -> sql.Composed:
    """A hash of the stored columns of a row `t`, 128 bits of it as text."""
    return _hash(sql.SQL("ROW({})::text").format(_columns(table.stored)))


def _columns(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier("t", name) for name in names)


def _hash(text: sql.Composable) -> sql.Composed:
    return sql.SQL(
        "(SELECT hashtextextended(h.v, 0)::text || ' ' || hashtextextended(h.v, 1)::text "
        'FROM (SELECT {} COLLATE "C" AS v) AS h)'
    ).format(text)


def _key(table: Table) -> Sequence[str]:
    if table.key is None:
        raise ValueError(f"{table.label} has no key")
    return table.key.columns
