"""The clone at the fence against production at the fence: every table, row for row in number, small ones in content."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from printflow_reliability.drills.clones.clone import Clone
from printflow_reliability.drills.fences.counts import SAME_TEXT, count_rows, databases, logged_tables
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.platform.connect import said

CATALOG = "pg_catalog."
"""Large objects are counted in the clone always, and in production only if the role may read them."""


@dataclass(frozen=True)
class Found:
    """What the clone says of a table: its rows and their digest, or why it cannot be read."""

    rows: int | None
    digest: str | None = None
    unreadable: str = ""


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
        if self.found == self.expected:
            return f"{where} has as many rows as production had ({self.expected:,}), but not the same ones"
        return f"{where} has {self.found:,} rows, production had {self.expected:,}"


def compare(clone: Clone, fence: Fence) -> tuple[Difference, ...]:
    """Count in the clone, which must be paused at the fence, and name every table that differs.

    Raises:
        CouldNotTell: the clone went away.
    """
    with clone.connect() as connection:
        there = databases(connection)
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = dict(zip(there, pool.map(lambda name: _count(clone, name, fence), there), strict=True))
    return differences(fence, found)


def differences(fence: Fence, found: Mapping[str, Mapping[str, Found]]) -> tuple[Difference, ...]:
    """Where these counts and digests (or why a table could not be counted) differ from the fence's."""
    differing = []
    for database in sorted((fence.counts or {}).keys() | found.keys()):
        expected = (fence.counts or {}).get(database, {})
        digests = (fence.digests or {}).get(database, {})
        counted = found.get(database, {})
        for table in sorted(expected.keys() | counted.keys()):
            before, now = expected.get(table), counted.get(table)
            if before is None and table.startswith(CATALOG):
                continue
            if now is None:
                differing.append(Difference(fence.cluster, database, table, before, None))
            elif now.unreadable:
                differing.append(Difference(fence.cluster, database, table, before, None, now.unreadable))
            elif before != now.rows or (table in digests and digests[table] != now.digest):
                differing.append(Difference(fence.cluster, database, table, before, now.rows))
    return tuple(differing)


def describe(found: Sequence[Difference], shown: int = 5) -> str:
    """A sentence for a person, table by table."""
    named = "; ".join(one.describe() for one in found[:shown])
    more = f"; and {len(found) - shown} more" if len(found) > shown else ""
    return f"{len(found)} tables differ from production at the fence: {named}{more}"


def _count(clone: Clone, database: str, fence: Fence) -> dict[str, Found]:
    """What the clone says of each table; digests where the fence has them."""
    digests = (fence.digests or {}).get(database, {})
    counted: dict[str, Found] = {}
    with clone.connect(database) as connection:
        connection.execute(SAME_TEXT)
        for table in logged_tables(connection):
            try:
                counted[table.label] = Found(*count_rows(connection, table, digest=table.label in digests))
            except psycopg.OperationalError as error:
                # A damaged file is an operational error too; a clone that went away has closed the connection.
                if connection.closed:
                    raise
                counted[table.label] = Found(None, unreadable=said(error))
            except psycopg.DatabaseError as error:
                counted[table.label] = Found(None, unreadable=said(error))
    return counted
