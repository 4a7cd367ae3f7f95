"""A tenant restore rehearsed where it can hurt nobody: in clones, inside transactions that are rolled back.

Exactly the tenant's rows are deleted and written back. PostgreSQL's own counters of the transaction then prove that no
row of anybody else was inserted, updated or deleted, and hashes that each row of the tenant is what it was.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

import psycopg
from psycopg import sql

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.queries import Connection
from printflow_reliability.settings import TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.closure import Limit, closure, limits
from printflow_reliability.tenants.compare import TablePlan, count_unequal, plan_table, values_of
from printflow_reliability.tenants.large_objects import large_objects
from printflow_reliability.tenants.problems import find_problems
from printflow_reliability.tenants.schema import Schema, read_schema
from printflow_reliability.tenants.selection import Selection, select
from printflow_reliability.tenants.sessions import explained, settle, snapshot
from printflow_reliability.tenants.write import copy_rows
from printflow_reliability.text import agreed, counted

CHECK = "drill.tenant"
Open = Callable[[], AbstractContextManager[Connection]]
TOUCHED = """
SELECT coalesce(n.nspname || '.' || r.relname, s.schemaname || '.' || s.relname),
       sum(s.n_tup_ins)::bigint, sum(s.n_tup_upd)::bigint, sum(s.n_tup_del)::bigint
FROM pg_stat_xact_user_tables s
LEFT JOIN pg_class r ON r.oid = pg_partition_root(s.relid) LEFT JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0 AND s.relid NOT IN (SELECT oid FROM pg_class WHERE relkind = 'p')
GROUP BY 1
"""


@dataclass(frozen=True)
class RehearsedPart:
    """Where rows of tenants are, and how to open connections to the clone that read and that write."""

    rows: TenancySettings | TenantRowsSettings
    read: Open
    write: Open


@dataclass
class _Findings:
    """What the rehearsal of all parts has found so far."""

    tables: int = 0
    rows: int = 0
    shared: int = 0
    failed: list[str] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


def rehearse(parts: Sequence[RehearsedPart], tenant: str) -> CheckResult:
    """Delete a tenant's rows in clones, restore them out of snapshots from before, and compare.

    A table that cannot be restored is a warning until `unrestorable` names it; one that does not come back, a failure.
    """
    found = _Findings()
    try:
        for part in parts:
            with part.read() as source, part.write() as target:
                _rehearse(part.rows, tenant, source, target, found)
    except (Refused, ConfigError) as failed:
        return CheckResult(CHECK, Outcome.FAIL, failed.sentence)
    except CouldNotTell as unknown:
        return CheckResult(CHECK, Outcome.UNKNOWN, unknown.sentence)
    except psycopg.DatabaseError as error:
        return CheckResult(CHECK, Outcome.UNKNOWN, f"a statement of the rehearsal was refused: {error_text(error)}")
    return _conclude(tenant, found)


def _conclude(tenant: str, found: _Findings) -> CheckResult:
    numbers = {"tenant_tables": found.tables, "tenant_rows": found.rows, "tenant_shared_rows": found.shared}
    if found.failed:
        return CheckResult(
            CHECK, Outcome.FAIL, f"tenant {tenant} did not come back: {'; '.join(found.failed)}", numbers
        )
    rows = f"{counted(found.rows, 'row')} of {counted(found.tables, 'table')} {agreed(found.rows, 'was', 'were')}"
    detail = f"tenant {tenant}: {rows} deleted in the clones and came back the same"
    open_limits = [limit.sentence for limit in found.limits if not limit.acknowledged]
    if open_limits:
        detail += f". A tenant restore cannot bring back: {'; '.join(open_limits)}. "
        detail += "Next: change the table, or name it in `unrestorable` of printflow.toml's [tenancy]"
    if found.stale:
        detail += f". `unrestorable` names what needs it no more: {', '.join(found.stale)}. Next: remove the lines"
    if left_out := sorted({limit.table for limit in found.limits if limit.acknowledged}):
        detail += f". Left out, as `unrestorable` says: {', '.join(left_out)}"
    return CheckResult(CHECK, Outcome.WARN if open_limits or found.stale else Outcome.PASS, detail, numbers)


def _rehearse(
    rows: TenancySettings | TenantRowsSettings, tenant: str, source: Connection, target: Connection, found: _Findings
) -> None:
    replica = settle(source, target)
    schema = read_schema(source)
    owned = closure(schema, rows)
    known = limits(schema, owned, replica=replica)
    labels = [label for label in owned.tables if label not in {limit.table for limit in known}]
    with snapshot(source):
        selection = select(source, owned, tenant)
        target.execute("BEGIN; SET LOCAL track_counts = on")
        try:
            known += large_objects(selection)
            failed = _delete_and_restore(selection, schema, target, labels)
        finally:
            if not target.closed:
                target.execute("ROLLBACK")
        counts = {label: selection.count(label) for label in labels}
        found.shared += selection.shared
    limited = {limit.table for limit in known}
    found.tables += len(labels)
    found.rows += sum(counts.values())
    found.limits += known
    # Whoever says that a table cannot be restored is believed where it fails, and told where it does not.
    found.limits += [Limit(label, why, True) for label, why in failed.items() if label in owned.left_out]
    found.failed += [f"{label}: {why}" for label, why in failed.items() if label not in owned.left_out]
    found.stale += [*owned.stale, *sorted(owned.left_out - limited - failed.keys())]


def _delete_and_restore(
    selection: Selection, schema: Schema, target: Connection, labels: Sequence[str]
) -> dict[str, str]:
    """The tables whose rows did not come back the same, and why."""
    failed: dict[str, str] = {}
    plan: list[TablePlan] = []

    def compare(label: str) -> None:
        plan.append(plan_table(selection, target, label))

    def attempt(label: str, step: Callable[[], None]) -> None:
        try:
            with selection.source.transaction(), target.transaction():
                step()
        except (Refused, ConfigError) as refused:
            failed.setdefault(label, refused.what)

    for label in labels:
        attempt(label, partial(_delete, selection, target, label))
    for label in (label for label in labels if label not in failed):
        attempt(label, partial(compare, label))
    absent = [part.table for part in plan if part.insert]
    for problem in find_problems(selection, target, schema, absent, writes=True, lock=False):
        failed.setdefault(problem.table, problem.reason)
    for part in plan:
        if part.insert:
            attempt(part.table, partial(copy_rows, selection, target, part))
    for part in plan:
        if part.table not in failed and (unequal := count_unequal(selection, target, part.table)):
            failed[part.table] = f"{counted(unequal, 'row')} came back different"
    if not failed:
        failed |= _changed_tables(target, plan)
    return failed


def _delete(selection: Selection, target: Connection, label: str) -> None:
    """Delete the tenant's rows of a table, by where they lie: both sessions look at the same clone."""
    query = sql.SQL("SELECT r.rel::regclass::text, r.tid::text FROM {}").format(selection.rows(label))
    with explained(label):
        for batch in values_of(selection, query):
            places = defaultdict(list)
            for rel, tid in batch:
                places[rel].append(tid)
            for rel, tids in places.items():
                statement = sql.SQL("DELETE FROM ONLY {} WHERE ctid = ANY(%s::text[]::tid[])").format(sql.SQL(rel))
                if target.execute(statement, (tids,)).rowcount != len(tids):
                    raise Refused(f"rows of {label} cannot be deleted, so nothing was rehearsed with them")


def _changed_tables(target: Connection, plan: Sequence[TablePlan]) -> dict[str, str]:
    """The tables of which other rows than the tenant's were inserted, updated or deleted."""
    expected = {part.table: (part.insert, 0, part.insert) for part in plan if part.insert}
    counted = {str(label): (ins, upd, gone) for label, ins, upd, gone in target.execute(TOUCHED).fetchall()}
    return {
        label: "rows of others were changed with the tenant's"
        for label in expected.keys() | counted.keys()
        if expected.get(label) != counted.get(label)
    }
