"""One tenant's rows out of a dump: chosen and written as a tenant restore does, from a throwaway cluster.

Only rows that are absent in the target are written, in one transaction; those that differ are listed. What was written
is recorded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from printflow_reliability.dumps.archive import fetch
from printflow_reliability.dumps.manifest import Manifest
from printflow_reliability.dumps.restore import DumpRestore, RestoreRequest, chosen_manifest, reader_of, target_cluster
from printflow_reliability.dumps.stored import stored_in
from printflow_reliability.dumps.target import look_at
from printflow_reliability.dumps.throwaway import Throwaway, throwaway_cluster
from printflow_reliability.dumps.verify import Reader
from printflow_reliability.dumps.workplace import workplace
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.platform.connect import connect
from printflow_reliability.platform.queries import Connection
from printflow_reliability.platform.tenancy import tenancy, tenant_named
from printflow_reliability.settings import ClusterSettings, Settings, TenancySettings, TenantRowsSettings
from printflow_reliability.tenants.audit import Audit, WithoutLock, record
from printflow_reliability.tenants.restore import PartRestore, planned_part

Part = TenancySettings | TenantRowsSettings


def restore_tenant_rows(settings: Settings, tenant: str, request: RestoreRequest) -> DumpRestore:
    """Restore the rows of one tenant that the target lacks, or plan it; planning restores the dump aside as well.

    Raises:
        ConfigError: there is no such dump or tenant, its database has no rows of tenants, or no identity is here.
        CouldNotTell: a system does not answer, or the dump was tampered with; the target is as it was.
        Refused: rows cannot be written; the target is as it was.
    """
    reader = reader_of(settings)
    manifest = chosen_manifest(stored_in(reader.store), request)
    part = _part(settings, manifest)
    planned_at = datetime.now(UTC)
    cluster = target_cluster(settings, request.url)
    with connect(cluster) as connection:
        target = look_at(connection)
    with _restored(reader, manifest) as (server, left_out):
        if isinstance(part, TenancySettings):
            _require_tenant(settings, server, tenant, manifest)
        with (
            _opened(server.as_cluster(settings.cluster_named(manifest.cluster)), reader, read_only=False) as source,
            _opened(cluster, reader, read_only=not request.apply) as writer,
            planned_part(source, writer, part, tenant, writes=True, lock=request.apply) as planned,
        ):
            found = DumpRestore(
                manifest,
                target,
                {table.table: table.insert for table in planned.plan},
                [f"{problem.table}: {problem.reason}" for problem in planned.problems],
                tenant_plan=tuple(planned.plan),
                notes=_notes(planned, left_out),
            )
            if not request.apply:
                return found
            if found.obstacles:
                raise Refused(
                    f"nothing was written: {'; '.join(found.obstacles)}", "correct that, then run the command again"
                )
            written = planned.write()
            try:
                writer.execute("COMMIT")
            except psycopg.Error as lost:
                raise CouldNotTell(
                    f"the commit failed, and may have been done or not: {' '.join(str(lost).split())}",
                    "the same command again; it writes what is still absent",
                ) from None
    trouble = _audited(settings, tenant, found, planned_at, written) if written else None
    return replace(found, restored=written, left_out=[trouble] if trouble else ())


def _audited(settings: Settings, tenant: str, done: DumpRestore, planned_at: datetime, written: int) -> str | None:
    """Record what was written, as a tenant restore does; why that failed, if it did."""
    origin = {"dump": done.manifest.key, "into": done.target.database}
    plan = [{**part.as_json(), **origin} for part in done.tenant_plan]
    audit = Audit(tenant, done.manifest.taken_at, planned_at, written, plan)
    return record(WithoutLock(settings.records), settings.drills.directory, audit)


def _part(settings: Settings, manifest: Manifest) -> Part:
    """Which rows of the dump's database are tenants'.

    Raises:
        ConfigError: none are.
    """
    for _, part in settings.tenancy.parts:
        if part.cluster == manifest.cluster and settings.cluster_named(part.cluster).database == manifest.database:
            return part
    raise ConfigError(
        f'--tenant: printflow.toml knows no rows of tenants in database "{manifest.database}" of cluster '
        f"{manifest.cluster}",
        "name a dump of a database that [tenancy] names: printflow dump list",
    )


@contextmanager
def _restored(reader: Reader, manifest: Manifest) -> Iterator[tuple[Throwaway, str]]:
    """The dump, restored into a throwaway cluster; what could not be."""
    with throwaway_cluster(reader.programs, reader.dumps, manifest.content) as server:
        with workplace(reader.dumps.directory) as place:
            left_out = server.restore(fetch(reader.store, manifest, reader.keys, place))
        yield server, left_out


@contextmanager
def _opened(cluster: ClusterSettings, reader: Reader, *, read_only: bool) -> Iterator[Connection]:
    with connect(cluster, read_only=read_only, statement_seconds=reader.dumps.timeout_seconds) as connection:
        yield connection


def _require_tenant(settings: Settings, server: Throwaway, tenant: str, manifest: Manifest) -> None:
    try:
        tenant_named(tenancy(settings, connect_with=lambda cluster, _: connect(server.as_cluster(cluster))), tenant)
    except ConfigError as unknown:
        raise ConfigError(
            f"{unknown.what} in {manifest.key}",
            "name the tenant by the id that tenancy.tenants returns, and a dump of when it was there",
        ) from None


def _notes(planned: PartRestore, left_out: str) -> list[str]:
    notes = [limit.sentence for limit in planned.limits]
    if planned.shared:
        notes.append(f"{planned.shared:,} rows belong to this tenant and to others: neither compared nor written")
    if errors := [line for line in left_out.splitlines() if "error:" in line.lower()]:
        notes.append(f"the dump could not be restored aside completely: {errors[0]}")
    return notes
