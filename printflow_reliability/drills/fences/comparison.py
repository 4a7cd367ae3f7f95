"""The clone at the fence against production at the fence: every table, row for row in number, small ones in content."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import psycopg

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.clones.clone import Clone
from printflow_reliability.drills.fences.counts import SAME_TEXT, count_rows, databases, logged_tables
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.platform.connect import said

CHECK = "drill.fence"
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


def judge(clones: Sequence[Clone], fences: Mapping[str, Fence], give_up: Callable[[], None]) -> CheckResult:
    """Compare every clone, paused at its fence, with it.

    Raises:
        CouldNotTell: a clone went away.
    """
    unknown: list[str] = []
    found: list[Difference] = []
    answers = at_once(
        [partial(_compare_exactly, clone, fences[clone.cluster.name]) for clone in clones], give_up=give_up
    )
    for why, differing in answers:
        unknown += [why] if why else []
        found += differing
    tables, rows = (sum(getattr(fence, what) for fence in fences.values()) for what in ("tables", "rows"))
    digests = sum(len(one) for fence in fences.values() for one in (fence.digests or {}).values())
    numbers = {"tables": tables, "rows": rows, "differing_tables": len(found)}
    if found:
        return CheckResult(CHECK, Outcome.FAIL, describe(found), numbers)
    if unknown:
        return CheckResult(CHECK, Outcome.UNKNOWN, "; ".join(unknown), numbers)
    detail = f"{tables} tables, {rows:,} rows, all equal to production ({digests} compared by content)"
    return CheckResult(CHECK, Outcome.PASS, detail, numbers)


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


def committed_after_all(clone: Clone, fence: Fence) -> int:
    """How many transactions that production did not see yet, when it counted, are committed in the paused clone.

    Their rows are in the clone and not in the counts, so these cannot be compared.

    Raises:
        CouldNotTell: the clone went away.
    """
    committed = 0
    with clone.connect() as connection:
        for transaction in fence.open_transactions:
            try:
                row = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (transaction,)).fetchone()
            except psycopg.errors.InvalidParameterValue:
                continue  # "in the future": the WAL up to the fence does not know of it
            committed += row is not None and row[0] == "committed"
    return committed


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


def _compare_exactly(clone: Clone, fence: Fence) -> tuple[str, Sequence[Difference]]:
    """Why these cannot be compared, or where they differ."""
    if fence.counts is None:
        why = f"commits of {fence.cluster} never paused long enough to count its rows at one moment"
        return f"{why}, so production's rows at the fence are not known. Next: drill at a quieter time", ()
    if committed := committed_after_all(clone, fence):
        why = f"{committed} transactions of {fence.cluster} were just being committed when the fence was made"
        return f"{why}, so that the clone has rows that production did not show yet. Next: another drill", ()
    return "", compare(clone, fence)


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
