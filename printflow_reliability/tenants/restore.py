"""One tenant's rows out of a source into production: compared row by row, then the absent ones written.

Rows that are there and differ are conflicts and stay as they are; rows that only production has are left alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from printflow_reliability.platform.queries import Connection
from printflow_reliability.settings import TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.closure import Closure, Limit, closure, drift, limits
from printflow_reliability.tenants.compare import TablePlan, plan_table
from printflow_reliability.tenants.large_objects import large_objects
from printflow_reliability.tenants.problems import Problem, find_problems
from printflow_reliability.tenants.schema import Schema, read_schema
from printflow_reliability.tenants.selection import Selection, select
from printflow_reliability.tenants.sessions import settle, snapshot
from printflow_reliability.tenants.write import write_rows


@dataclass(frozen=True)
class PartRestore:
    """The plan for one database, for as long as its source is open.

    Attributes:
        plan: one part a table that is restored.
        problems: what keeps rows from being written.
        limits: the tables that are not restored, or not with all that belongs to them.
        stale: names of `unrestorable` that are no table with rows of tenants.
        shared: how many rows the tenant shares with others; they are neither compared nor written.
    """

    selection: Selection
    target: Connection
    plan: Sequence[TablePlan]
    problems: Sequence[Problem]
    limits: Sequence[Limit]
    stale: Sequence[str]
    shared: int

    def write(self) -> int:
        """Write and verify the absent rows in the target's transaction, which the caller commits; how many they are.

        Raises:
            Refused, ConfigError, CouldNotTell: as write_rows.
        """
        return write_rows(self.selection, self.target, self.plan)


@contextmanager
def planned_part(
    source: Connection,
    target: Connection,
    rows: TenancySettings | TenantRowsSettings,
    tenant: str,
    *,
    writes: bool,
    lock: bool,
) -> Iterator[PartRestore]:
    """Compare a tenant's rows in a source with production, without writing there.

    Args:
        source: a clone as of a moment.
        target: production.
        rows: which rows are tenants'.
        tenant: the tenant's id.
        writes: whether the target's role is the one that is to write.
        lock: begin the transaction that writes, and keep the rows that are referred to until it ends.

    Raises:
        ConfigError, Refused, CouldNotTell: a table cannot be read, or whose its rows are cannot be told.
    """
    replica = settle(source, target) or not writes
    if lock:
        target.execute("BEGIN")  # only now: the refusal of a setting would have ended the transaction
    today = read_schema(target)
    owned = closure(read_schema(source), rows)
    with snapshot(source):
        selection = select(source, owned, tenant)
        found = _limits(owned, today, replica=replica)
        left = {limit.table for limit in found} | owned.left_out
        tables = [label for label in owned.tables if label not in left]
        plan = [plan_table(selection, target, label) for label in tables]
        absent = [part.table for part in plan if part.insert]
        problems = find_problems(selection, target, today, absent, writes=writes, lock=lock and replica)
        named = tuple(
            Limit(label, "is left out, as `unrestorable` says", True)
            for label in sorted(owned.left_out - {limit.table for limit in found})
        )
        notes = (*found, *named, *large_objects(selection))
        yield PartRestore(selection, target, plan, problems, notes, owned.stale, selection.shared)


def _limits(owned: Closure, today: Schema, *, replica: bool) -> tuple[Limit, ...]:
    """What the catalogs of both sides say cannot be restored; tables that are not even readable then are among it."""
    found = {limit.table: limit for limit in limits(today, owned, replica=replica)}
    for label, then in owned.tables.items():
        if label in found:
            continue
        reason = None
        if not then.readable or then.key is None:
            reason = "had no primary key then, or its rows were on another server"
        elif why := drift(then, today.tables[label]):
            reason = why
        if reason is not None:
            found[label] = Limit(label, reason, label in owned.left_out)
    return tuple(found.values())
