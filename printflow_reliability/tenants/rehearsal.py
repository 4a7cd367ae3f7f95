"""A tenant restore rehearsed where it can hurt nobody: in clones, inside transactions that are rolled back."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.platform.queries import Connection
from printflow_reliability.settings import TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.closure import closure
from printflow_reliability.tenants.restore import apply_rows, plan_rows, tenant_hashes

CHECK = "drill.tenant"
Open = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class RehearsedPart:
    """Where rows of tenants are, and how to open connections to the clone that read and that write."""

    rows: TenancySettings | TenantRowsSettings
    read: Open
    write: Open


def rehearse(parts: Sequence[RehearsedPart], tenant: str) -> CheckResult:
    """Delete a tenant's rows in clones, restore them out of snapshots from before, and compare."""
    tables, total, wrong = 0, 0, list[str]()
    try:
        for part in parts:
            came, rows, different = _rehearse(part, tenant)
            tables, total, wrong = tables + came, total + rows, wrong + different
    except psycopg.errors.IntegrityError as needed:
        said = needed.diag.message_primary
        return CheckResult(CHECK, Outcome.FAIL, f"rows of others depend on rows of tenant {tenant}: {said}")
    except (Refused, ConfigError) as failed:
        return CheckResult(CHECK, Outcome.FAIL, failed.sentence)
    except CouldNotTell as unknown:
        return CheckResult(CHECK, Outcome.UNKNOWN, unknown.sentence)
    numbers = {"tenant_tables": tables, "tenant_rows": total}
    if wrong:
        return CheckResult(CHECK, Outcome.FAIL, f"tenant {tenant} came back different: {', '.join(wrong)}", numbers)
    detail = f"tenant {tenant}: {total} rows of {tables} tables were deleted in the clones and came back the same"
    return CheckResult(CHECK, Outcome.PASS, detail, numbers)


def _rehearse(part: RehearsedPart, tenant: str) -> tuple[int, int, list[str]]:
    """How many tables and rows there were, and the tables that did not come back as they were."""
    with part.read() as source, part.write() as target:
        tables = closure(source, part.rows, tenant)
        source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        before = tenant_hashes(source, tables)
        target.execute("BEGIN")
        for one in reversed(tables):
            target.execute(sql.SQL("DELETE FROM {} AS t WHERE {}").format(one.table.identifier, one.condition))
        gone = sum(rows for rows, _ in tenant_hashes(target, tables).values())
        plan = plan_rows(source, target, tables)
        written = apply_rows(source, target, tables, plan)
        after = tenant_hashes(target, tables)
        target.execute("ROLLBACK")
    total = sum(rows for rows, _ in before.values())
    wrong = [name for name, rows in before.items() if after[name] != rows]
    if not wrong and (gone or written != total):
        wrong = ["rows were left over"]
    return len(tables), total, wrong
