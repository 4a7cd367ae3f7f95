"""A tenant restore rehearsed where it can hurt nobody: in a clone, inside a transaction that is rolled back."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
from psycopg import sql

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.platform.queries import Connection
from printflow_reliability.settings import TenancySettings
from printflow_reliability.tenants.closure import closure
from printflow_reliability.tenants.restore import apply_rows, plan_rows, tenant_hashes

CHECK = "drill.tenant"


def rehearse(
    tenancy: TenancySettings,
    tenant: str,
    read: Callable[[], AbstractContextManager[Connection]],
    write: Callable[[], AbstractContextManager[Connection]],
) -> CheckResult:
    """Delete a tenant's rows in a clone, restore them out of a snapshot from before, and compare.

    Args:
        tenancy: how tenants are told apart.
        tenant: whose rows.
        read, write: open connections to the clone's database.
    """
    try:
        with read() as source, write() as target:
            tables = closure(source, tenancy, tenant)
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
    except psycopg.errors.IntegrityError as needed:
        said = needed.diag.message_primary
        return CheckResult(CHECK, Outcome.FAIL, f"rows of others depend on rows of tenant {tenant}: {said}")
    except (Refused, ConfigError) as failed:
        return CheckResult(CHECK, Outcome.FAIL, failed.sentence)
    except CouldNotTell as unknown:
        return CheckResult(CHECK, Outcome.UNKNOWN, unknown.sentence)
    total = sum(rows for rows, _ in before.values())
    numbers = {"tenant_tables": len(tables), "tenant_rows": total}
    if after != before or gone or written != total:
        wrong = ", ".join(name for name, rows in before.items() if after[name] != rows) or "rows left over"
        return CheckResult(CHECK, Outcome.FAIL, f"tenant {tenant} came back different: {wrong}", numbers)
    detail = f"tenant {tenant}: {total} rows of {len(tables)} tables were deleted in the clone and came back the same"
    return CheckResult(CHECK, Outcome.PASS, detail, numbers)
