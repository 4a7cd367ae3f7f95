"""A throwaway cluster that a dump is restored into: made for it, reached by a socket alone, removed at the end.

A dump is a program: functions in indexes, constraints and event triggers run when it is restored, as superuser. So the
kernel confines the server as it confines a drill's clone, and leaves it no network, no socket and no process of others.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from printflow_reliability.dumps.archive import Archive
from printflow_reliability.dumps.manifest import Content
from printflow_reliability.dumps.workplace import require_room, workplace
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import connect
from printflow_reliability.programs import ProgramFailed, Programs
from printflow_reliability.restore.clones.confinement import confine_alone
from printflow_reliability.settings import ClusterSettings, DumpsSettings

SUPERUSER = "postgres"
DATABASE = "restored"
HOME = "c"
"""Short: the path of a socket may have 107 bytes."""
PROC, NAMESPACE = Path("/proc"), "ns/mnt"
PORT = 5432
"""Only a part of the socket's name; nothing listens on it."""
START_SECONDS = 60
SERVER = """
listen_addresses = ''
port = {port}
unix_socket_directories = '../s'
unix_socket_permissions = 0700
# It is read once and thrown away.
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = '1GB'
max_logical_replication_workers = 0
max_locks_per_transaction = 1024
shared_buffers = '64MB'
maintenance_work_mem = '64MB'
dynamic_shared_memory_type = mmap
lc_messages = 'C'
timezone = 'UTC'
"""
QUIET = ("--no-owner", "--no-acl", "--no-tablespaces", "--no-subscriptions", "--no-publications", "--no-password")
"""Roles, tablespaces and subscribers of production are not here, and must not be called."""


@dataclass(frozen=True)
class Throwaway:
    """A running throwaway cluster with one empty database."""

    sockets: Path
    programs: Programs
    dumps: DumpsSettings

    @property
    def url(self) -> str:
        """Leads to the database."""
        return make_conninfo("", host=str(self.sockets), port=PORT, user=SUPERUSER, dbname=DATABASE, sslmode="disable")

    def as_cluster(self, cluster: ClusterSettings) -> ClusterSettings:
        """The settings of the cluster that was dumped, with the way to its copy."""
        return cluster.model_copy(update={"url": self.url})

    def restore(self, archive: Archive) -> str:
        """Restore a dump into the database; what of it could not be restored, empty if all of it was.

        Raises:
            CouldNotTell: pg_restore did not end.
            DamagedObject: the archive is damaged.
        """
        try:
            with archive.read_by(
                self.programs, *QUIET, f"--dbname={self.url}", timeout=self.dumps.timeout_seconds
            ) as said:
                said.read()
        except ProgramFailed as failed:
            if failed.exit_code != 1:  # 1: it went on after errors, or could not begin at all
                raise
            return failed.said
        return ""


def namespace_of(data: Path) -> Path | None:
    """The mount namespace of a data directory's server; None if it has none of its own.

    It must be asked before a dump is restored, which could write any process into postmaster.pid.
    """
    with suppress(OSError, IndexError):
        server = (data / "postmaster.pid").read_text(encoding="utf-8").split()[0]
        namespace = (PROC / server / NAMESPACE).readlink()
        return None if namespace == (PROC / "self" / NAMESPACE).readlink() else namespace
    return None


def end_all_in(namespace: Path | None) -> None:
    """End everything that runs in a mount namespace: what a dump has started stays there."""
    if namespace is None:
        return
    for entry in PROC.iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / NAMESPACE).readlink() == namespace:
                os.kill(int(entry.name), signal.SIGKILL)


@contextmanager
def throwaway_cluster(programs: Programs, dumps: DumpsSettings, content: Content) -> Iterator[Throwaway]:
    """A cluster of the dump's major version with an empty database of its encoding and locale.

    Raises:
        ConfigError: PostgreSQL of that version is not installed, or there is no room.
        CouldNotTell: the server does not start.
    """
    with workplace(dumps.directory, mode=0o711) as place:
        require_room(place, content.database_bytes, "a restored database")
        home = place / HOME
        data, sockets = home / "data", home / "s"
        for directory in (home, data, sockets):
            directory.mkdir(mode=0o700)
            programs.own(directory)
        installed = Path(programs.postgres("initdb", content.major)).parent
        confined = confine_alone(programs, home, installed).programs
        confined.run(
            [
                *(programs.postgres("initdb", content.major), "--pgdata", str(data), "--no-sync", "--auth=trust"),
                *(f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C"),
            ],
            timeout=START_SECONDS * 2,
            cwd=home,
        )
        configuration = data / "postgresql.auto.conf"
        configuration.write_text(SERVER.format(port=PORT), encoding="utf-8")
        pg_ctl = programs.postgres("pg_ctl", content.major)
        try:
            confined.run(
                [
                    *(pg_ctl, "start", "--wait", "--silent", "--pgdata", ".", "--log", "server.log"),
                    *("--timeout", str(START_SECONDS)),
                ],
                timeout=START_SECONDS + 10,
                cwd=data,
            )
        except ProgramFailed as failed:
            log = data / "server.log"
            said = log.read_text(encoding="utf-8", errors="replace")[-1000:] if log.exists() else ""
            raise CouldNotTell(f"the throwaway cluster did not start: {said or failed.what}") from None
        namespace = namespace_of(data)
        try:
            server = Throwaway(sockets, programs, dumps)
            _make_database(server, content)
            yield server
        finally:
            end_all_in(namespace)


def _make_database(server: Throwaway, content: Content) -> None:
    """An empty database with the dump's search_path; where this machine lacks the dump's locale, in the C locale."""
    make = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}")
    name, encoding = sql.Identifier(DATABASE), sql.Literal(content.encoding)
    address = make_conninfo(server.url, dbname="postgres")
    try:
        with psycopg.connect(address, autocommit=True, connect_timeout=10) as connection:
            try:
                connection.execute(
                    make.format(name, encoding, sql.Literal(content.collate), sql.Literal(content.ctype))
                )
            except psycopg.Error:
                connection.execute(make.format(name, encoding, sql.Literal("C"), sql.Literal("C")))
        if content.search_path:
            with psycopg.connect(server.url, autocommit=True, connect_timeout=10) as connection:
                connection.execute("SELECT set_config('search_path', %s, false)", (content.search_path,))
                connection.execute(sql.SQL("ALTER DATABASE {} SET search_path FROM CURRENT").format(name))
    except psycopg.Error as refused:
        raise CouldNotTell(f"the throwaway cluster refused its database: {' '.join(str(refused).split())}") from None


@contextmanager
def opened(server: Throwaway, cluster: ClusterSettings, *, seconds: float) -> Iterator[psycopg.Connection]:
    """A session in the restored database that may make temporary tables."""
    with connect(server.as_cluster(cluster), read_only=False, statement_seconds=seconds) as connection:
        yield connection
