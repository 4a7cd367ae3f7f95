"""One tenant's rows and files back as of a moment: out of a clone made for it, into production."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Json

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.drill import LOCK
from printflow_reliability.drills.targets import Target
from printflow_reliability.errors import ConfigError, PrintflowError
from printflow_reliability.files.heal import HealReport, heal, require_healers
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.queries import Connection, ConnectWith, session
from printflow_reliability.platform.tenancy import tenant_named, tenants
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.recovery.recover import Tell, recovered_aside
from printflow_reliability.settings import ClusterSettings, Settings, TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.closure import closure
from printflow_reliability.tenants.restore import TablePlan, apply_rows, plan_rows

AUDIT = """
INSERT INTO tenant_restores (tenant, moment, planned_at, rows_written, plan) VALUES (%s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class TenantRestore:
    """A tenant restore, planned or done.

    Attributes:
        moment: what the rows are as of.
        plan: one part a table, parents first.
        written: how many rows were written; None if it was only planned.
        files: the reconciliation's answers for this tenant afterwards; empty if it was only planned.
        healed: which of its files were brought back; None if it was only planned.
    """

    tenant: str
    moment: datetime
    plan: Sequence[TablePlan]
    written: int | None
    files: Sequence[CheckResult]
    healed: HealReport | None = None

    @property
    def conflicts(self) -> int:
        """Rows that are there and differ; they stay as they are."""
        return sum(one.conflict for one in self.plan)

    def as_json(self) -> dict[str, Any]:
        """The document of `tenant restore --json`."""
        return {
            "tenant": self.tenant,
            "moment": self.moment.isoformat(),
            "plan": [one.as_json() for one in self.plan],
            "restored": self.written,
            "healed_files": self.healed.as_json() if self.healed else None,
            "files": [{"name": one.check, "outcome": one.outcome, "detail": one.detail} for one in self.files],
        }


def restore_tenant(
    settings: Settings, tenant: str, target: Target, *, repository: int, apply: bool, tell: Tell
) -> TenantRestore:
    """Recover the clusters aside as of a moment, and bring one tenant's absent rows back.

    Args:
        settings: the whole configuration.
        tenant: its id.
        target: a given time.
        repository: the number of the repository.
        apply: write; otherwise only plan.
        tell: hears of each phase of the recovery.

    Raises:
        ConfigError: there was no such tenant, no time is given, or no role that may write.
        LockHeld: a drill or another restore is running.
        Refused: production changed meanwhile, or a row would become another tenant's.
        CouldNotTell: a system is unreachable.
    """
    if target.moment is None:
        raise ConfigError("--to: a tenant is restored to a given time", "--to 2026-11-02T14:05:00Z")
    if apply:
        require_healers(settings)
        for key, part in settings.tenancy.parts:
            if part.restore_url is None:
                raise ConfigError(
                    f"{key}.restore_url: is missing, and --apply needs a role that may write",
                    f'restore_url = "env:NAME" in [{key.partition("[")[0]}], a url of the same database',
                )
    for _, part in settings.tenancy.parts:
        # A mistake in [tenancy] is told before anything is recovered, not after.
        with connect(settings.cluster_named(part.cluster)) as production:
            closure(production, part, tenant)
    with (
        open_records(settings.records) as records,
        exclusive(records, LOCK),
        recovered_aside(settings, target, repository=repository, tell=tell) as clones,
    ):
        return bring_back(settings, tenant, target.moment, clones, records, apply=apply)


def bring_back(
    settings: Settings,
    tenant: str,
    moment: datetime,
    source_with: ConnectWith,
    records: psycopg.Connection,
    *,
    apply: bool,
) -> TenantRestore:
    """Plan, and write if told to, from databases that stand at the moment."""
    tenant_named(tenants(settings, connect_with=source_with), tenant)
    planned_at = datetime.now(UTC)
    plan: list[TablePlan] = []
    written = 0
    with ExitStack() as stack:
        work = []
        for _, part in settings.tenancy.parts:
            cluster = settings.cluster_named(part.cluster)
            source = stack.enter_context(session(cluster, None, source_with))
            target = stack.enter_context(_production(cluster, part, apply=apply))
            tables = closure(source, part, tenant)
            planned = plan_rows(source, target, tables)
            plan += [replace(one, cluster=cluster.name) for one in planned]
            work.append((source, target, tables, planned))
        if not apply:
            return TenantRestore(tenant, moment, plan, None, ())
        with ExitStack() as transactions:
            # One transaction a cluster, and none of them ends before all rows are written and checked. Should the very
            # last commit fail, the same command again writes what is still absent.
            for _, target, _, _ in reversed(work):
                transactions.enter_context(target.transaction())
            written = sum(apply_rows(*one) for one in work)
    document = Json([one.as_json() for one in plan])
    records.execute(AUDIT, (tenant, moment, planned_at, written, document))
    healed, files = _heal_files(settings, tenant)
    return TenantRestore(tenant, moment, plan, written, files, healed)


def _heal_files(settings: Settings, tenant: str) -> tuple[HealReport | None, Sequence[CheckResult]]:
    """Bring the tenant's files back; the rows are written by now, so what goes wrong here is told and not raised."""
    # Most of a deleted tenant's files may be missing, which is no sign of a misconfiguration here.
    however_many = settings.files.model_copy(update={"max_missing_fraction": 1.0})
    settings = settings.model_copy(update={"files": however_many})
    healed = None
    try:
        healed = heal(settings, tenants=[tenant], apply=True)
        report = reconcile(settings, tenants=[tenant])
    except PrintflowError as failed:
        return healed, (CheckResult("files.missing", Outcome.UNKNOWN, failed.sentence),)
    return healed, [one for one in report.checks if one.check != "files.orphans"]


@contextmanager
def _production(
    cluster: ClusterSettings, part: TenancySettings | TenantRowsSettings, *, apply: bool
) -> Iterator[Connection]:
    if apply:
        cluster = cluster.model_copy(update={"url": part.restore_url})
    with connect(cluster, read_only=not apply) as connection:
        yield connection
