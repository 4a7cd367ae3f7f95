"""The clone at the fence against production at the fence: every table, row for row in number."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from printflow_reliability.drills.clone import Clone
from printflow_reliability.drills.counts import count_rows, databases, logged_tables
from printflow_reliability.drills.fence import Fence


@dataclass(frozen=True)
class Difference:
    """A table that is not what it was at the fence; `found` is None where it could not be read or is not there."""

    cluster: str
    database: str
    table: str
    expected: int | None
    found: int | None
    detail: str = ""

    def describe(self) -> str:
        """A phrase for a person."""
        where = f"{self.database}.{self.table}"
        if self.detail:
            return f"{where} cannot be read in the clone: {self.detail}"
        if self.expected is None:
            return f"{where} is in the clone and was not in production"
        if self.found is None:
            return f"{where} is missing in the clone ({self.expected:,} rows in production)"
        return f"{where} has {self.found:,} rows, production had {self.expected:,}"


def compare(clone: Clone, fence: Fence) -> tuple[Difference, ...]:
    """Count in the clone, which must be paused at the fence, and name every table that differs.

    Raises:
        CouldNotTell: the clone went away.
    """
    with clone.connect() as connection:
        there = databases(connection)
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = dict(zip(there, pool.map(lambda name: _count(clone, name), there), strict=True))
    return differences(fence, found)


def differences(fence: Fence, found: Mapping[str, Mapping[str, int | str]]) -> tuple[Difference, ...]:
    """Where these counts (or why a table could not be counted) differ from the fence's."""
    differing = []
    for database in sorted((fence.counts or {}).keys() | found.keys()):
        expected = (fence.counts or {}).get(database, {})
        counted = found.get(database, {})
        for table in sorted(expected.keys() | counted.keys()):
            before, now = expected.get(table), counted.get(table)
            if isinstance(now, str):
                differing.append(Difference(fence.cluster, database, table, before, None, now))
            elif before != now:
                differing.append(Difference(fence.cluster, database, table, before, now))
    return tuple(differing)


def describe(found: Sequence[Difference], shown: int = 5) -> str:
    """A sentence for a person, table by table."""
    named = "; ".join(one.describe() for one in found[:shown])
    more = f"; and {len(found) - shown} more" if len(found) > shown else ""
    return f"{len(found)} tables differ from production at the fence: {named}{more}"


def _count(clone: Clone, database: str) -> dict[str, int | str]:
    """Rows by table; where a table cannot be read, why."""
    counted: dict[str, int | str] = {}
    with clone.connect(database) as connection:
        for schema, table in logged_tables(connection):
            try:
                counted[f"{schema}.{table}"] = count_rows(connection, schema, table)
            except psycopg.OperationalError as error:
                # A damaged file is an operational error too; a clone that went away has closed the connection.
                if connection.closed:
                    raise
                counted[f"{schema}.{table}"] = _reason(error)
            except psycopg.DatabaseError as error:
                counted[f"{schema}.{table}"] = _reason(error)
    return counted


def _reason(error: psycopg.Error) -> str:
    return error.diag.message_primary or " ".join(str(error).split())
