"""One tenant's rows out of a source database back into production: planned row by row, applied in one transaction.

Only absent rows are written. One that is there and differs is a conflict, and stays; rows that only production has are
left alone. What was written is checked to be the tenant's before the transaction commits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from printflow_reliability.errors import ConfigError, Refused
from printflow_reliability.platform.queries import Connection
from printflow_reliability.tenants.closure import Table, TenantTable

BATCH = 1000
EXAMPLES = 5
SAME_TEXT = (
    "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 1"
)
"""A value has the same text in both databases."""


@dataclass(frozen=True)
class TablePlan:
    """One table's part of a plan; `conflicts` are primary keys, a few of them, and never the rows' contents."""

    table: str
    insert: int = 0
    conflict: int = 0
    unchanged: int = 0
    conflicts: tuple[str, ...] = ()
    cluster: str = ""

    def as_json(self) -> dict[str, Any]:
        """Every attribute."""
        return {**self.__dict__, "conflicts": list(self.conflicts)}


def plan_rows(source: Connection, target: Connection, tables: Sequence[TenantTable]) -> tuple[TablePlan, ...]:
    """Compare a tenant's rows in the source with production, by primary key, without writing anything.

    Raises:
        ConfigError: production's tables lack columns that the source's have.
    """
    for connection in (source, target):
        connection.execute(SAME_TEXT)
    plans = []
    for one in tables:
        with _explained(one.table):
            plans.append(_plan(source, target, one))
    return tuple(plans)


def apply_rows(source: Connection, target: Connection, tables: Sequence[TenantTable], plan: Sequence[TablePlan]) -> int:
    """Write the absent rows; the target must be in a transaction, which the caller commits. Returns how many.

    Raises:
        Refused: production changed since it was planned, or a row would become somebody else's, or breaks a constraint.
    """
    written = 0
    for one, planned in zip(tables, plan, strict=True):
        if planned.insert:
            with _explained(one.table):
                written += _insert(source, target, one, planned)
    return written


def tenant_hashes(connection: Connection, tables: Sequence[TenantTable]) -> dict[str, tuple[int, str]]:
    """Of each table how many rows are the tenant's, and a digest of them."""
    connection.execute(SAME_TEXT)
    found = {}
    for one in tables:
        query = sql.SQL(
            "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} AS t WHERE {}"
        ).format(one.table.identifier, one.condition)
        row = connection.execute(query).fetchone()
        found[one.table.label] = (int(row[0]), str(row[1])) if row else (0, "0")
    return found


def _plan(source: Connection, target: Connection, one: TenantTable) -> TablePlan:
    counts = {"insert": 0, "conflict": 0, "unchanged": 0}
    conflicts: list[str] = []
    for batch in _batches(source, one):
        there = _in_target(target, one.table, [key for key, _ in batch])
        for key, digest in batch:
            kind = "insert" if key not in there else "unchanged" if there[key] == digest else "conflict"
            counts[kind] += 1
            if kind == "conflict" and len(conflicts) < EXAMPLES:
                conflicts.append(key)
    return TablePlan(
        one.table.label, counts["insert"], counts["conflict"], counts["unchanged"], conflicts=tuple(conflicts)
    )


def _batches(source: Connection, one: TenantTable) -> Iterator[list[tuple[str, str]]]:
    """The primary key and a digest of each of the tenant's rows, as text, some at a time."""
    query = sql.SQL("SELECT {}, {} FROM {} AS t WHERE {}").format(
        _key(one.table), _digest(one.table), one.table.identifier, one.condition
    )
    with source.transaction(), source.cursor(name="tenant_rows") as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(BATCH):
            yield [(str(key), str(digest)) for key, digest in rows]


def _in_target(target: Connection, table: Table, keys: Sequence[str]) -> dict[str, str]:
    query = sql.SQL("SELECT {}, {} FROM {} AS t WHERE {} = ANY({})").format(
        _key(table), _digest(table), table.identifier, _key(table), sql.Literal(list(keys))
    )
    try:
        return {str(key): str(digest) for key, digest in target.execute(query).fetchall()}
    except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable) as changed:
        raise ConfigError(
            f"{table.label} is another table in production today: {changed.diag.message_primary}",
            "restore to a moment after the migration, or bring these rows back by hand",
        ) from None


def _insert(source: Connection, target: Connection, one: TenantTable, planned: TablePlan) -> int:
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in one.table.columns)
    same_key = sql.SQL(" AND ").join(
        sql.SQL("t.{0} = r.{0}").format(sql.Identifier(column)) for column in one.table.primary_key
    )
    target.execute(
        sql.SQL("CREATE TEMPORARY TABLE restored AS SELECT {} FROM {} WHERE false").format(
            columns, one.table.identifier
        )
    )
    reading = sql.SQL("COPY (SELECT {} FROM {} AS t WHERE {}) TO STDOUT").format(
        columns, one.table.identifier, one.condition
    )
    writing = sql.SQL("COPY restored ({}) FROM STDIN").format(columns)
    with source.cursor().copy(reading) as rows, target.cursor().copy(writing) as copy:
        for chunk in rows:
            copy.write(chunk)
    inserted = target.execute(
        sql.SQL(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM restored AS r "
            "WHERE NOT EXISTS (SELECT FROM {table} AS t WHERE {same_key})"
        ).format(table=one.table.identifier, columns=columns, same_key=same_key)
    ).rowcount
    foreign = target.execute(
        sql.SQL(
            "SELECT count(*) FROM {} AS t WHERE EXISTS (SELECT FROM restored AS r WHERE {}) AND ({}) IS NOT TRUE"
        ).format(one.table.identifier, same_key, one.condition)
    ).fetchone()
    target.execute("DROP TABLE restored")
    if inserted != planned.insert:
        raise Refused(
            f"{one.table.label} changed since it was planned: {inserted} rows are absent now, {planned.insert} were",
            "plan again",
        )
    if foreign is not None and foreign[0]:
        raise Refused(
            f"{foreign[0]} rows of {one.table.label} are another tenant's in production, by themselves or by what they "
            "refer to, so nothing was written",
            "look at the conflicts of the plan",
        )
    return inserted


@contextmanager
def _explained(table: Table) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as refused:
        raise ConfigError(
            f"tenancy.restore_url: its role may not write what it must: {refused.diag.message_primary}",
            "name the role that owns the platform's tables",
        ) from None
    except psycopg.errors.IntegrityError as broken:
        constraint = broken.diag.constraint_name or "a constraint"
        raise Refused(
            f"a row of {table.label} would break {constraint}: {broken.diag.message_primary}; nothing was written",
            "mend production first: a row that it needs is gone, or its unique value is taken",
        ) from None


def _key(table: Table) -> sql.Composable:
    columns = sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(one)) for one in table.primary_key)
    return sql.SQL("concat_ws('/', {})").format(columns)


def _digest(table: Table) -> sql.Composable:
    columns = sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(column)) for column in table.columns)
    return sql.SQL("md5(ROW({})::text)").format(columns)
