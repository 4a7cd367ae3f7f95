"""Restoring a dump into a database of choice: whole, or some tables. Nothing is written before all of it is good.

The dump is fetched, authenticated and decrypted whole first. pg_restore then works in a single transaction, so that an
error leaves the database as it was.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from printflow_reliability.dumps.archive import Archive, fetch
from printflow_reliability.dumps.identity import identities
from printflow_reliability.dumps.manifest import Manifest
from printflow_reliability.dumps.rows import Rows, differences, shortened
from printflow_reliability.dumps.snapshot import snapshot
from printflow_reliability.dumps.store import open_store, required
from printflow_reliability.dumps.stored import Stored, stored_in
from printflow_reliability.dumps.table_names import named_tables
from printflow_reliability.dumps.target import Target, look_at, obstacles, require_none, table_obstacles
from printflow_reliability.dumps.verify import Reader, named
from printflow_reliability.dumps.workplace import workplace
from printflow_reliability.errors import ConfigError, Refused
from printflow_reliability.platform.connect import answer_watch, connect
from printflow_reliability.platform.sign_in import sign_in
from printflow_reliability.programs import ProgramFailed
from printflow_reliability.restore.names import encoding_named
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.tenants.compare import TablePlan

NEWEST = "latest"
"""What stands for the newest dump of a database."""
TARGET = "of --into"
"""What errors call the server of the target."""


@dataclass(frozen=True)
class RestoreRequest:
    """What is to be restored, and where.

    Attributes:
        key: of a dump; "latest" for the newest of `cluster` and `database`.
        url: of the target database.
        tables: "schema.table" of each; empty for the whole dump.
        tenant: the id of the tenant whose rows are restored; None for all rows.
        add: restore although something is there.
        owners: keep owners and privileges, whose roles must be there.
        keep_going: go on after errors, so that what cannot be restored does not keep the rest from it.
        apply: do it; otherwise only plan.
    """

    url: str = field(repr=False)
    key: str = NEWEST
    cluster: str | None = None
    database: str | None = None
    tables: tuple[str, ...] = ()
    tenant: str | None = None
    add: bool = False
    owners: bool = False
    keep_going: bool = False
    apply: bool = False


@dataclass(frozen=True)
class DumpRestore:
    """A restore, planned or done.

    Attributes:
        manifest: of the dump.
        target: the database as it was before.
        plan: rows by table.
        obstacles: what keeps it from being done.
        restored: how many rows are there now; None if it was only planned.
        left_out: what could not be restored, each in a line.
        tenant_plan: for a tenant, what is absent, differs or is there already.
        notes: what a person should know.
    """

    manifest: Manifest
    target: Target
    plan: dict[str, int]
    obstacles: Sequence[str] = ()
    restored: int | None = None
    left_out: Sequence[str] = ()
    tenant_plan: Sequence[TablePlan] = ()
    notes: Sequence[str] = ()

    @property
    def needs_person(self) -> bool:
        """Whether something of it is left for a person."""
        return bool(self.obstacles or self.left_out)

    def as_json(self) -> dict[str, Any]:
        """The document of `dump restore --json`."""
        return {
            "key": self.manifest.key,
            "cluster": self.manifest.cluster,
            "database": self.manifest.database,
            "taken_at": self.manifest.taken_at.isoformat(),
            "into": {
                "database": self.target.database,
                "server_version": self.target.server_version,
                "empty": self.target.empty,
            },
            "plan": [{"table": table, "rows": rows} for table, rows in self.plan.items()],
            "tenant_plan": [part.as_json() for part in self.tenant_plan],
            "obstacles": list(self.obstacles),
            "restored": self.restored,
            "left_out": list(self.left_out),
            "notes": list(self.notes),
        }


def reader_of(settings: Settings) -> Reader:
    """What reading dumps needs.

    Raises:
        ConfigError: no dumps are configured, or there is no identity here.
    """
    dumps = required(settings)
    return Reader(settings, open_store(settings), dumps, settings.runner(), identities(dumps))


def chosen_manifest(stored: Stored, request: RestoreRequest) -> Manifest:
    """The dump that is meant.

    Raises:
        ConfigError: there is none, or it is not clear which.
    """
    if request.key != NEWEST:
        return named(stored, request.key)
    dumps = [
        dump.manifest
        for dump in stored.dumps
        if dump.present
        and request.cluster in (None, dump.manifest.cluster)
        and request.database in (None, dump.manifest.database)
    ]
    if not dumps:
        raise ConfigError("there is no whole dump of that", "printflow dump list")
    if len({(manifest.cluster, manifest.database) for manifest in dumps}) > 1:
        raise ConfigError(
            "there are dumps of several databases, and the newest of one of them is restored",
            "--cluster NAME --database NAME, or the KEY of a dump: printflow dump list",
        )
    return dumps[-1]


def target_cluster(settings: Settings, url: str) -> ClusterSettings:
    """The server of the target, as connections and errors name it."""
    return settings.cluster[0].model_copy(update={"name": TARGET, "url": url, "dump_url": None})


def restore_dump(settings: Settings, request: RestoreRequest) -> DumpRestore:
    """Restore a dump, or plan it.

    Args:
        settings: the whole configuration.
        request: what, and where; without a tenant.

    Raises:
        ConfigError: there is no such dump or table, no identity, or something is in the way of what is to be done.
        CouldNotTell: a system does not answer, or the dump was tampered with; the target is as it was.
        Refused: the target refused a part of the dump; it is as it was.
    """
    reader = reader_of(settings)
    manifest = chosen_manifest(stored_in(reader.store), request)
    cluster = target_cluster(settings, request.url)
    names = named_tables(manifest.content, request.tables)
    with connect(cluster) as connection:
        target = look_at(connection)
        if names:
            found, there = table_obstacles(connection, target, manifest.content, list(names.values()), add=request.add)
            found += _of_one_kind(names, there)
        else:
            found, there = obstacles(target, manifest.content, add=request.add), []
    tables = manifest.content.tables
    plan = {label: tables[label] for label in names} if names else dict(tables)
    planned = DumpRestore(manifest, target, plan, found, notes=_notes(names, there))
    if not request.apply:
        return planned
    require_none(found, "correct that, then run the command again")
    with workplace(reader.dumps.directory) as place:
        archive = fetch(reader.store, manifest, reader.keys, place)
        chosen = _of_tables(names, there, encoding_named(manifest.content.encoding)) if names else ()
        left_out = _run(reader, request, archive, cluster, chosen)
    return _compared(reader, replace(planned, left_out=left_out), cluster, compare=target.empty or bool(names))


def _of_tables(names: Mapping[str, tuple[str, str]], there: Sequence[tuple[str, str]], encoding: str) -> list[str]:
    """pg_restore's options for tables of one schema, all of which are there, or none.

    It compares bytes: those of the dump's encoding, and restores nothing where no name is equal.
    """
    (schema,) = {schema for schema, _ in names.values()}

    def spelled(name: str) -> str:
        return os.fsdecode(name.encode(encoding, "backslashreplace"))

    return [
        *(["--data-only"] if there else []),
        f"--schema={spelled(schema)}",
        *(f"--table={spelled(name)}" for _, name in names.values()),
    ]


def _of_one_kind(names: Mapping[str, tuple[str, str]], there: Sequence[tuple[str, str]]) -> list[str]:
    """What keeps tables from being restored in one transaction, which is all that pg_restore makes of one call."""
    schemas = {schema for schema, _ in names.values()}
    if len(schemas) > 1:
        return [
            f"the tables are of several schemas ({', '.join(sorted(schemas))}); restore those of each by themselves"
        ]
    missing = [label for label, table in names.items() if table not in there]
    if missing and there:
        return [f"{', '.join(missing)} would be made, and the others are there; restore these by themselves"]
    return []


def _run(
    reader: Reader, request: RestoreRequest, archive: Archive, cluster: ClusterSettings, options: Sequence[str]
) -> list[str]:
    """Run pg_restore; what it left out, which is something only where it was told to keep going.

    Raises:
        Refused: the target refused something; nothing of this run is there.
    """
    conninfo, environment = sign_in(request.url)
    arguments = [*options, "--no-password", f"--dbname={conninfo}"]
    arguments += [] if request.owners else ["--no-owner", "--no-acl"]
    arguments += [] if request.keep_going else ["--single-transaction", "--exit-on-error"]
    try:
        with archive.read_by(
            reader.programs,
            *arguments,
            env=dict(environment),
            timeout=reader.dumps.timeout_seconds,
            watches=[answer_watch(cluster)],
        ) as said:
            said.read()
    except ProgramFailed as failed:
        if failed.exit_code != 1:
            raise
        errors = [line for line in failed.said.splitlines() if "error:" in line.lower()] or [failed.what]
        if request.keep_going:
            return errors
        raise Refused(
            f"the target refused a part of the dump, and is as it was: {errors[0]}",
            "correct that, or add --keep-going to restore everything else (--owners needs the dump's roles)",
        ) from None
    return []


def _compared(reader: Reader, done: DumpRestore, cluster: ClusterSettings, *, compare: bool) -> DumpRestore:
    """Count what is there now, and say what differs from the dump."""
    with snapshot(cluster, None, seconds=reader.dumps.timeout_seconds) as taken:
        there = taken.count()
    restored = sum(there.tables.get(label, 0) for label in done.plan)
    whole = set(done.plan) == set(done.manifest.content.tables)
    expected = replace(
        done.manifest.content,
        tables=done.plan,
        large_objects=done.manifest.content.large_objects if whole else there.large_objects,
    )
    wrong = differences(expected, Rows(dict(there.tables), there.large_objects)) if compare else []
    left_out = [*done.left_out, *([f"compared with the dump: {shortened(wrong)}"] if wrong else [])]
    return replace(done, restored=restored, left_out=left_out)


def _notes(names: dict[str, tuple[str, str]], there: Sequence[tuple[str, str]]) -> list[str]:
    if not names:
        return []
    notes = ["sequences stay as they are"]
    if missing := [label for label, table in names.items() if table not in there]:
        notes.append(f"made without indexes, constraints and triggers, as they are not there: {', '.join(missing)}")
    return notes
