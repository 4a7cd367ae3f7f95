"""A small cluster of its own for tests of repositories: pgBackRest by default, a posix repository, small segments."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.programs import Programs
from printflow_reliability.settings import ClusterSettings, Settings

CONFIGURATION = """\
[global]
repo1-path={home}/repo
repo1-retention-full=9
log-level-file=off
lock-path={home}/lock
spool-path={home}/spool
{more}
[plain]
pg1-path={home}/data
pg1-port={port}
pg1-socket-path={home}
pg1-user=postgres
"""
SERVER = """
port = {port}
unix_socket_directories = '{home}'
listen_addresses = ''
fsync = off
"""
ARCHIVING = """\
archive_mode = on
archive_command = 'pgbackrest --config={home}/pgbackrest.conf --stanza=plain archive-push %p'
"""
PORT = 5432
"""Only a part of the socket's name."""


@dataclass(frozen=True)
class PlainCluster:
    """The cluster, the stanza `plain` and its programs; everything lies below `home`."""

    home: Path
    programs: Programs
    segment_megabytes: int = 1
    archiving: bool = True

    @property
    def settings(self) -> ClusterSettings:
        """As printflow.toml would say."""
        return ClusterSettings(
            name="plain",
            url=f"host={self.home} port={PORT} user=postgres dbname=postgres",
            pgbackrest_config=self.home / "pgbackrest.conf",
        )

    @property
    def whole_settings(self) -> Settings:
        """A whole printflow.toml with this cluster alone; nothing else of it is there."""
        return settings_with(self.settings)

    @property
    def pgbackrest(self) -> PgBackRest:
        """Its pgBackRest."""
        return PgBackRest(self.settings, self.programs)

    def initdb(self) -> None:
        """Make a new cluster at the same path, and start it."""
        data = self.home / "data"
        self._run(
            "initdb",
            "--pgdata",
            data,
            "--auth=trust",
            "--username=postgres",
            f"--wal-segsize={self.segment_megabytes}",
            "--no-sync",
        )
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write((SERVER + ARCHIVING * self.archiving).format(home=self.home, port=PORT))
        self.start()

    def start(self) -> None:
        """Start the server."""
        data = self.home / "data"
        self._run("pg_ctl", "start", "--wait", "--silent", "--pgdata", data, "--log", self.home / "server.log")

    def stop(self) -> None:
        """Stop the server at once."""
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate", "--pgdata", self.home / "data")

    def restart(self) -> None:
        """Stop the server in good order and start it again, with nothing cached."""
        data = self.home / "data"
        self._run("pg_ctl", "restart", "--wait", "--silent", "--pgdata", data, "--log", self.home / "server.log")

    def command(self, *arguments: str) -> None:
        """Run pgBackRest by hand."""
        self.programs.run(
            ["pgbackrest", f"--config={self.home}/pgbackrest.conf", "--stanza=plain", *arguments], timeout=60
        )

    def execute(self, statement: str) -> Sequence[tuple[object, ...]]:
        """Run a statement in the cluster."""
        with psycopg.connect(self.settings.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def switch_wal(self) -> str:
        """Close the current segment, wait until it is archived; its name."""
        self.execute("SELECT pg_logical_emit_message(true, 'printflow', 'something to archive')")
        name = str(self.execute("SELECT pg_walfile_name(pg_switch_wal())")[0][0])
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            archived = self.execute("SELECT last_archived_wal FROM pg_stat_archiver")[0][0]
            if archived and str(archived)[:24] >= name:
                return name
            time.sleep(0.05)
        raise AssertionError(f"{name} was not archived within 15 s")

    def _run(self, name: str, *arguments: object) -> None:
        self.programs.run([self.programs.postgres(name), *map(str, arguments)], timeout=60)


def settings_with(cluster: ClusterSettings) -> Settings:
    """A whole printflow.toml with one cluster and nothing else that is there."""
    name = cluster.name
    return Settings.model_validate(
        {
            "platform": {"name": "test"},
            "records": {"url": "postgresql://127.0.0.1:1/nowhere"},
            "cluster": [cluster],
            "bucket": [{"name": "files", "bucket": "files"}],
            "tenancy": {"cluster": name, "tenants": "SELECT"},
            "reference": [{"name": "file", "cluster": name, "bucket": "files", "kind": "proof", "query": "SELECT"}],
            "orders": {"cluster": name, "bucket": "files", "paid": "SELECT"},
        }
    )


@contextmanager
def plain_cluster(more: str = "", segment_megabytes: int = 1, *, archiving: bool = True) -> Iterator[PlainCluster]:
    """A running cluster with its stanza; `more` is added to pgBackRest's options; {home} is its directory.

    Where nothing is backed up, leave out `archiving`: it costs a process for each segment, and the stanza.
    """
    with tempfile.TemporaryDirectory(prefix="pf-", dir="/tmp") as directory:
        home = Path(directory)
        programs = Programs(run_as="postgres", path=os.environ.get("PATH", os.defpath))
        programs.own(home)
        (home / "pgbackrest.conf").write_text(
            CONFIGURATION.format(home=home, port=PORT, more=more.format(home=home)), encoding="utf-8"
        )
        programs.own(home / "pgbackrest.conf")
        cluster = PlainCluster(home, programs, segment_megabytes, archiving)
        cluster.initdb()
        try:
            if archiving:
                cluster.command("stanza-create")
            yield cluster
        finally:
            cluster.stop()
