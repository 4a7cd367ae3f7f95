"""What a cluster's server says of itself: its settings, its configuration files, and its roles with their passwords.

A configuration file is read through the server, or from this machine's disk where that holds this very cluster.
"""

import json
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psycopg

from printflow_reliability.backups.clusters import TROUBLE
from printflow_reliability.backups.identity import SYSTEM_IDENTIFIER
from printflow_reliability.checks import Outcome
from printflow_reliability.config_backup.local_files import LARGEST_FILE, read_file
from printflow_reliability.config_backup.members import CLUSTERS, ROLES, Kind, Member, Parts, Trouble
from printflow_reliability.dumps.manifest import spelled
from printflow_reliability.piped import piped
from printflow_reliability.platform.connect import answer_watch, connect, error_text
from printflow_reliability.platform.sign_in import sign_in
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.settings import ClusterSettings
from printflow_reliability.text import printable

SETTINGS = """
SELECT name, setting, unit, source, sourcefile, sourceline, pending_restart FROM pg_settings
WHERE source NOT IN ('client', 'session', 'interactive', 'test', 'user', 'database', 'database user')
  AND name !~ '^transaction_'
  AND name NOT IN ('in_hot_standby', 'is_superuser', 'session_authorization', 'role')
ORDER BY name
"""
"""Those of the server: what our own session brings along is nobody's configuration."""
ROLE_SETTINGS = """
SELECT coalesce(d.datname, '') AS database, coalesce(r.rolname, '') AS role, s.setconfig AS settings
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
ORDER BY 1, 2
"""
"""ALTER DATABASE ... SET is neither in a dump nor among the roles."""
PLACES = """
SELECT name, setting FROM pg_settings
WHERE name IN ('config_file', 'hba_file', 'ident_file', 'data_directory') AND setting IS NOT NULL
"""
INCLUDED = (
    "SELECT DISTINCT sourcefile FROM pg_settings WHERE sourcefile IS NOT NULL",
    "SELECT DISTINCT sourcefile FROM pg_file_settings",
    "SELECT DISTINCT file_name FROM pg_hba_file_rules",
    "SELECT DISTINCT file_name FROM pg_ident_file_mappings",
)
"""Further files; the last three are for superusers, and for newer versions of PostgreSQL."""
READ = "SELECT size, pg_read_binary_file(%(path)s) FROM pg_stat_file(%(path)s) WHERE size <= %(most)s"
STATEMENT_SECONDS = 60
GLOBALS_SECONDS = 300


def cluster_parts(cluster: ClusterSettings, programs: Programs) -> Parts:
    """What one cluster says of itself; what of it cannot be had is a trouble, and keeps nothing else from being had."""
    source = reading(cluster)
    folder = f"{CLUSTERS}/{spelled(cluster.name)}"
    try:
        with connect(source, statement_seconds=STATEMENT_SECONDS) as connection:
            major = connection.info.server_version // 10000
            yield from _documents(connection, folder)
            yield from _files(connection, source, folder)
    except TROUBLE as trouble:
        yield Trouble(folder, Outcome.UNKNOWN, trouble.sentence)
        return
    except psycopg.Error as refused:  # a server that is no PostgreSQL, or of a version that nobody tried
        yield Trouble(folder, Outcome.UNKNOWN, f"cluster {cluster.name} answers: {error_text(refused)}")
        return
    yield from _roles(source, programs, major, f"{folder}/{ROLES}")


def reading(cluster: ClusterSettings) -> ClusterSettings:
    """The cluster as its configuration is read: with the url of the role for that."""
    return cluster.model_copy(update={"url": cluster.config_url or cluster.dump_url or cluster.url})


def _documents(connection: psycopg.Connection, folder: str) -> Parts:
    for name, query in (("settings", SETTINGS), ("role_settings", ROLE_SETTINGS)):
        with connection.cursor() as cursor:
            cursor.execute(query.encode())
            columns = [column.name for column in cursor.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor]
        text = json.dumps(rows, indent=1, default=str) + "\n"
        yield Member(f"{folder}/{name}.json", Kind.FILE, text.encode("utf-8", "surrogateescape"))


def _files(connection: psycopg.Connection, cluster: ClusterSettings, folder: str) -> Parts:
    places = {str(name): str(setting) for name, setting in connection.execute(PLACES.encode()).fetchall()}
    if "config_file" not in places:
        yield Trouble(
            f"{folder}/files",
            Outcome.WARN,
            f"{cluster.name}: this role may not see where configuration files are; GRANT pg_monitor TO it",
        )
        return
    data = places.pop("data_directory", "")
    paths = [*places.values(), *([f"{data}/postgresql.auto.conf"] if data else []), *_included(connection)]
    local = _is_local(connection, data)
    for path in sorted({path for path in paths if path.startswith("/")}):
        yield _file(connection, cluster, path, f"{folder}/files{path}", local=local)


def _included(connection: psycopg.Connection) -> Iterator[str]:
    for query in INCLUDED:
        with suppress(psycopg.ProgrammingError):  # not permitted, or not there in this version
            yield from (str(row[0]) for row in connection.execute(query.encode()).fetchall())


def _is_local(connection: psycopg.Connection, data: str) -> bool:
    """Whether this machine's disk holds this very cluster at that path, and not another that looks like it."""
    try:
        row = connection.execute(SYSTEM_IDENTIFIER.encode()).fetchone()
        control = Path(data, "global/pg_control").read_bytes()[:8]
    except (OSError, psycopg.errors.InsufficientPrivilege):
        return False
    return row is not None and control == struct.pack("=Q", int(row[0]) & (2**64 - 1))


def _file(
    connection: psycopg.Connection, cluster: ClusterSettings, path: str, where: str, *, local: bool
) -> Member | Trouble:
    if local and os.access(path, os.R_OK):
        return read_file(path, where)
    try:
        row = connection.execute(READ, {"path": path, "most": LARGEST_FILE}).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        why = f"{cluster.name}: this role may not read {printable(path)}"
        return Trouble(where, Outcome.WARN, f"{why}; name a superuser in config_url of the cluster")
    except psycopg.OperationalError:
        raise
    except psycopg.Error as refused:
        return Trouble(where, Outcome.WARN, f"{cluster.name}: {printable(path)}: {error_text(refused)}")
    if row is None:
        return Trouble(where, Outcome.WARN, f"{cluster.name}: {printable(path)} is too large for a configuration file")
    return Member(where, Kind.FILE, bytes(row[1]))


def _roles(cluster: ClusterSettings, programs: Programs, major: int, where: str) -> Parts:
    """Roles, tablespaces and their grants, as `pg_dumpall --globals-only` of the cluster's own version has them."""
    try:
        try:
            yield _globals(cluster, programs, major, where)
        except ProgramFailed as failed:
            if "pg_authid" not in failed.said:
                raise
            yield _globals(cluster, programs, major, where, "--no-role-passwords")
            why = f"{cluster.name}: roles without their passwords; GRANT pg_read_all_data TO the role that reads them"
            yield Trouble(where, Outcome.WARN, why)
    except TROUBLE as trouble:
        yield Trouble(where, Outcome.UNKNOWN, f"{cluster.name}: roles: {trouble.sentence}")


def _globals(cluster: ClusterSettings, programs: Programs, major: int, where: str, *options: str) -> Member:
    conninfo, environment = sign_in(cluster.url)
    argv: Sequence[str] = [
        programs.postgres("pg_dumpall", major),
        *("--globals-only", "--no-password", f"--database={cluster.database}", f"--dbname={conninfo}"),
        *options,
    ]
    with piped(programs, argv, env=environment, timeout=GLOBALS_SECONDS, watches=[answer_watch(cluster)]) as process:
        assert process.stdout is not None  # noqa: S101 - the program has a pipe
        content = process.stdout.read()
    return Member(where, Kind.FILE, content)
