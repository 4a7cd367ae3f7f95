"""One tenant's rows and files back as of a moment: out of a clone made for it, into production."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError, Refused
from printflow_reliability.files.heal import heal, require_healers
from printflow_reliability.files.heal_report import HealReport
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.queries import Connection, Connector, session
from printflow_reliability.platform.tenancy import tenancy, tenant_named
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.recovery.bring_up import Tell
from printflow_reliability.recovery.recover import recovered_aside
from printflow_reliability.restore.reaper import LOCK
from printflow_reliability.restore.targets import Target
from printflow_reliability.settings import ClusterSettings, Settings, TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.audit import Audit, record, record_kept
from printflow_reliability.tenants.closure import Limit, closure
from printflow_reliability.tenants.compare import TablePlan
from printflow_reliability.tenants.problems import Problem
from printflow_reliability.tenants.restore import PartRestore, planned_part
from printflow_reliability.tenants.schema import read_schema
from printflow_reliability.text import counted

IDENTITY = "SELECT system_identifier, current_database() FROM pg_control_system()"
Part = TenancySettings | TenantRowsSettings
Committed = Callable[[str, int], None]
"""Hears of each cluster whose rows are committed, and how many they are."""


@dataclass(frozen=True)
class TenantRestore:
    """A tenant restore, planned or done.

    Attributes:
        moment: what the rows are as of.
        plan: one part a table, parents first.
        written: how many rows were written; None if it was only planned.
        files: the reconciliation's answers for this tenant afterwards; empty if it was only planned.
        healed: which of its files were brought back; None if it was only planned.
        committed: rows written, by cluster.
        problems: what keeps rows from being written.
        limits: tables that are not restored, by cluster.
        shared: how many rows the tenant shared with others then; they are neither compared nor written.
        trouble: what went wrong after the rows were committed.
    """

    tenant: str
    moment: datetime
    plan: Sequence[TablePlan]
    written: int | None
    files: Sequence[CheckResult]
    healed: HealReport | None = None
    committed: dict[str, int] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    limits: Sequence[tuple[str, Limit]] = ()
    stale: Sequence[str] = ()
    shared: int = 0
    trouble: Sequence[str] = ()

    @property
    def conflicts(self) -> int:
        """Rows that are there and differ; they stay as they are."""
        return sum(table_plan.conflict for table_plan in self.plan)

    @property
    def needs_person(self) -> bool:
        """Whether something of it is left for a person."""
        unacknowledged = any(not limit.acknowledged for _, limit in self.limits)
        return bool(self.conflicts or self.problems or unacknowledged or self.stale or self.trouble)

    def as_json(self) -> dict[str, Any]:
        """The document of `tenant restore --json`."""
        return {
            "tenant": self.tenant,
            "moment": self.moment.isoformat(),
            "plan": [table_plan.as_json() for table_plan in self.plan],
            "problems": [problem.as_json() for problem in self.problems],
            "unrestorable": [{"cluster": cluster, **limit.__dict__} for cluster, limit in self.limits],
            "stale": list(self.stale),
            "shared_rows": self.shared,
            "restored": self.written,
            "committed": self.committed,
            "trouble": list(self.trouble),
            "healed_files": self.healed.as_json() if self.healed else None,
            "files": [file.as_json() for file in self.files],
        }


@operation("restore of one tenant")
def restore_tenant(
    settings: Settings,
    tenant: str,
    target: Target,
    *,
    repository: int,
    apply: bool,
    tell: Tell,
    committed: Committed = lambda _cluster, _rows: None,
) -> TenantRestore:
    """Recover the clusters aside as of a moment, and bring one tenant's absent rows back.

    Args:
        settings: the whole configuration.
        tenant: its id.
        target: a given time.
        repository: the number of the repository.
        apply: write; otherwise only plan.
        tell: hears of each phase of the recovery.
        committed: hears of each cluster's rows as soon as they are committed.

    Raises:
        ConfigError: there was no such tenant, no time is given, or no role that may write.
        LockHeld: a drill or another restore is running.
        Refused: production changed meanwhile, or rows cannot be written.
        CouldNotTell: a system is unreachable.
    """
    if target.moment is None:
        raise ConfigError("--to: a tenant is restored to a given time", "--to 2026-11-02T14:05:00Z")
    _require(settings, apply=apply)
    done: TenantRestore | None = None
    try:
        with RecordsSession(settings.records, LOCK) as records:
            record_kept(records, settings.drills.directory)
            with recovered_aside(settings, target, repository=repository, tell=tell) as clones:
                done = bring_back(settings, tenant, target.moment, clones, records, apply=apply, committed=committed)
    except PrintflowError as failed:
        # Giving the lock back or removing the clones failed; what is committed stays so, and has to be told.
        if done is None or done.written is None:
            raise
        done = replace(done, trouble=(*done.trouble, failed.sentence))
    return done


def bring_back(
    settings: Settings,
    tenant: str,
    moment: datetime,
    source_with: Connector,
    records: RecordsSession,
    *,
    apply: bool,
    committed: Committed = lambda _cluster, _rows: None,
) -> TenantRestore:
    """Plan, and write if told to, from databases that stand at the moment."""
    try:
        tenant_named(tenancy(settings, connect_with=source_with), tenant)
    except ConfigError as unknown:
        raise ConfigError(
            f"{unknown.what} as of {moment.isoformat()}",
            "name the tenant by the id that tenancy.tenants returns, and a moment at which it was there",
        ) from None
    planned_at = datetime.now(UTC)
    done: dict[str, int] = {}
    with ExitStack() as stack:
        work: list[tuple[ClusterSettings, Connection, PartRestore]] = []
        for _, part in settings.tenancy.parts:
            cluster = settings.cluster_named(part.cluster)
            source = stack.enter_context(session(cluster, None, source_with))
            target = stack.enter_context(_production(settings, cluster, part, apply=apply))
            writes = part.restore_url is not None
            planned = stack.enter_context(planned_part(source, target, part, tenant, writes=writes, lock=apply))
            work.append((cluster, target, planned))
        plan = [
            replace(table_plan, cluster=cluster.name) for cluster, _, planned in work for table_plan in planned.plan
        ]
        problems = [
            replace(problem, cluster=cluster.name) for cluster, _, planned in work for problem in planned.problems
        ]
        restored = TenantRestore(
            tenant,
            moment,
            plan,
            None,
            (),
            problems=problems,
            limits=[(cluster.name, limit) for cluster, _, planned in work for limit in planned.limits],
            stale=[name for _, _, planned in work for name in planned.stale],
            shared=sum(planned.shared for _, _, planned in work),
        )
        if not apply:
            return restored
        if problems:
            raise Refused(
                "nothing was written: " + "; ".join(f"{problem.table}: {problem.reason}" for problem in problems),
                'correct production first, or leave a table out: unrestorable = ["SCHEMA.TABLE"] in [tenancy]',
            )
        records.require_lock()
        # No transaction ends before all rows of all clusters are written and verified.
        written = {cluster.name: planned.write() for cluster, _, planned in work}
        try:
            _commit(work, written, done, committed)
        finally:
            audit = Audit(tenant, moment, planned_at, sum(done.values()), [table_plan.as_json() for table_plan in plan])
            trouble = record(records, settings.drills.directory, audit) if done else None
    healed, files = _heal_files(settings, tenant)
    return replace(
        restored,
        written=audit.rows_written,
        committed=done,
        healed=healed,
        files=files,
        trouble=(trouble,) if trouble else (),
    )


def _commit(
    work: Sequence[tuple[ClusterSettings, Connection, PartRestore]],
    written: dict[str, int],
    done: dict[str, int],
    committed: Committed,
) -> None:
    """Commit one cluster after the other; should one fail, say which are done.

    Raises:
        CouldNotTell: a commit failed; the same command again writes what is still absent.
    """
    # The tenants' own cluster comes last: while its rows are absent, nobody uses those elsewhere.
    for cluster, target, _ in reversed(work):
        try:
            target.execute("COMMIT")
        except psycopg.Error as lost:
            already = ", ".join(f"{counted(rows, 'row')} in {name}" for name, rows in done.items()) or "nothing"
            raise CouldNotTell(
                f"the commit in cluster {cluster.name} failed, and may have been done or not: "
                f"{' '.join(str(lost).split())}. Committed before it: {already}",
                "the same command again; it writes what is still absent",
            ) from None
        done[cluster.name] = done.get(cluster.name, 0) + written[cluster.name]
        committed(cluster.name, written[cluster.name])


def _require(settings: Settings, *, apply: bool) -> None:
    """A mistake in [tenancy] is told before anything is recovered, not after.

    Raises:
        ConfigError: a table or a role is wrong.
        CouldNotTell: a cluster is unreachable.
    """
    if apply:
        require_healers(settings)
    for key, part in settings.tenancy.parts:
        if apply and part.restore_url is None:
            raise ConfigError(
                f"{key}.restore_url: is missing, and --apply needs a role that may write",
                f'restore_url = "env:NAME" in [{key.partition("[")[0]}], a url of the same database',
            )
        cluster = settings.cluster_named(part.cluster)
        with connect(cluster) as production:
            closure(read_schema(production), part)
            same = _identity(production)
        if part.restore_url is not None:
            try:
                with connect(cluster.model_copy(update={"url": part.restore_url})) as writer:
                    other, standby = _identity(writer), writer.execute("SELECT pg_is_in_recovery()").fetchone()
            except CouldNotTell as refused:
                raise CouldNotTell(f"{key}.restore_url: {refused.what}", f"correct {key}.restore_url") from None
            if standby == (True,):
                raise ConfigError(
                    f"{key}.restore_url: leads to a standby, which takes no rows", "name the primary server"
                )
            if None not in (other, same) and other != same:
                raise ConfigError(
                    f"{key}.restore_url: leads to another database than the url of cluster {cluster.name}",
                    "name the same database with a role that may write",
                )


def _identity(connection: Connection) -> tuple[object, ...] | None:
    """Which database a connection leads to; None if its role may not know."""
    try:
        return connection.execute(IDENTITY).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None


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
    return healed, [check for check in report.checks if check.check != "files.orphans"]


@contextmanager
def _production(settings: Settings, cluster: ClusterSettings, part: Part, *, apply: bool) -> Iterator[Connection]:
    """A session of the role that is to write, if one is named: a dry run with another would not meet its limits."""
    if part.restore_url is not None:
        cluster = cluster.model_copy(update={"url": part.restore_url})
    limit = settings.drills.phase_timeout_seconds
    with connect(cluster, read_only=not apply, statement_seconds=limit) as connection:
        yield connection
