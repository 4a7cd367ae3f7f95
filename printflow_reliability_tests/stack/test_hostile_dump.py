"""A dump whose functions do harm where it is restored for a trial: nothing of it reaches anything outside."""

import io
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
import zstandard

from printflow_reliability.dumps import throwaway
from printflow_reliability.dumps.archive import Archive
from printflow_reliability.dumps.throwaway import DATABASE, throwaway_cluster
from printflow_reliability.programs import Programs
from printflow_reliability.restore.clones import confined, confinement
from printflow_reliability.restore.clones.confinement import Confinement
from printflow_reliability.sandbox import postgres
from printflow_reliability.settings import DumpsSettings
from printflow_reliability_tests.dumps.manifests import CONTENT, manifest
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.dumped import database, verifying

pytestmark = pytest.mark.stack

NAME = "hostile"
STAYS = "4321.1234"
"""How long a process sleeps that the dump starts; no other sleeps exactly so long."""
REACH = """
CREATE FUNCTION public.reach(n int) RETURNS int LANGUAGE plpgsql AS $f$
DECLARE attempt text;
BEGIN
    IF current_database() = '{restored}' THEN
        FOREACH attempt IN ARRAY ARRAY[{attempts}] LOOP
            BEGIN
                EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', attempt);
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
    END IF;
    RETURN n;
END $f$
"""
MEMBERS = (
    "CREATE FUNCTION public.fixed(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.reach(n); END'",
    "CREATE FUNCTION public.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.reach(1); END'",
    "CREATE TABLE public.indexed AS SELECT 1 AS n",
    "CREATE INDEX ON public.indexed (public.fixed(n))",
    "CREATE TABLE public.checked (n int CHECK (public.fixed(n) > 0)); INSERT INTO public.checked VALUES (1)",
    "CREATE TABLE public.generated (n int, m int GENERATED ALWAYS AS (public.fixed(n)) STORED)",
    "INSERT INTO public.generated VALUES (1)",
    "CREATE MATERIALIZED VIEW public.viewed AS SELECT public.reach(1) AS n",
    "CREATE EVENT TRIGGER acts ON ddl_command_end EXECUTE FUNCTION public.on_event()",
)
"""Where PostgreSQL runs functions while a dump is restored."""


@dataclass(frozen=True)
class Outside:
    """What lies outside of the throwaway cluster, and tells whether it was reached."""

    sandbox: StackSandbox
    directory: Path
    listener: socket.socket
    bystander: "subprocess.Popen[bytes]"

    def attempts(self, psql: str) -> list[str]:
        home, port = self.sandbox.home, self.listener.getsockname()[1]
        to_production = f"-h {home.path('sockets')} -p {home.port('admin_db')} -U postgres -d {NAME}"
        return [
            f"cat > {self.directory}/touched",
            f"{psql} -X -q {to_production} -c 'CREATE TABLE reached ()'",
            f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'",
            f"kill -9 {self.bystander.pid}",
            f"setsid sleep {STAYS} > /dev/null 2>&1 < /dev/null &",
        ]

    def reached(self) -> set[str]:
        found = set()
        if (self.directory / "touched").exists():
            found.add("file")
        with postgres.superuser(self.sandbox.home, "admin_db", NAME) as connection:
            if connection.execute("SELECT to_regclass('public.reached')").fetchone() != (None,):
                found.add("socket")
        with suppress(BlockingIOError):
            self.listener.accept()[0].close()
            found.add("network")
        if self.bystander.poll() is not None:
            found.add("process")
        if any(sleepers()):
            found.add("stays")
        return found


def unknown_to_the_kernel() -> set[str]:
    """What an older kernel does not keep a dump from."""
    version = 0
    with suppress(OSError):
        version = confined._landlock_version()
    return {"process"} if version < confined.KNOWS_SCOPES else set()


def sleepers() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and STAYS.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                yield int(entry.name)


@contextmanager
def outside_of(sandbox: StackSandbox, programs: Programs, directory: Path) -> Iterator[Outside]:
    identity = programs.identity()
    user = {"user": identity.uid, "group": identity.gid} if identity else {}
    directory.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        bystander = subprocess.Popen(["/bin/sleep", "600"], **user)  # type: ignore[call-overload]
        try:
            yield Outside(sandbox, directory, listener, bystander)
        finally:
            bystander.kill()
            bystander.wait()
            for pid in sleepers():
                os.kill(pid, 9)


def hostile_archive(outside: Outside, programs: Programs, directory: Path, url: str) -> Archive:
    """A dump of a database that is hostile."""
    with postgres.superuser(outside.sandbox.home, "admin_db", NAME) as connection:
        content = replace(CONTENT, tables={}, server_version=connection.info.server_version)
        psql = programs.postgres("psql", content.major)
        attempts = ", ".join(f"$a${attempt}$a$" for attempt in outside.attempts(psql))
        for statement in (REACH.format(restored=DATABASE, attempts=attempts), *MEMBERS):
            connection.execute(statement.encode())
    dump = subprocess.run(
        [programs.postgres("pg_dump", content.major), "--format=custom", "--compress=0", f"--dbname={url}"],
        capture_output=True,
        check=True,
    ).stdout
    file = directory / "compressed"
    with file.open("wb") as sink:
        zstandard.ZstdCompressor().copy_stream(io.BytesIO(dump), sink)
    return Archive(manifest(database=NAME, archive_bytes=len(dump), content=content), file)


@pytest.mark.parametrize("means", ["nothing", "namespace", "landlock"])
def test_what_a_dump_runs_when_it_is_restored_reaches_nothing_outside(
    sandbox: StackSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, means: str
) -> None:
    dumps = verifying(sandbox).dumps
    assert isinstance(dumps, DumpsSettings)
    programs = sandbox.settings.runner()
    if means == "nothing":
        monkeypatch.setattr(throwaway, "confine_alone", lambda *_: Confinement(programs, "nothing"))
    else:
        monkeypatch.setattr(confinement, "MEANS", {means: confinement.MEANS[means]})
    outer = sandbox.home.path(f"outside-of-dumps-{means}")
    outer.mkdir()
    with database(sandbox, NAME) as url, outside_of(sandbox, programs, outer) as outside:
        archive = hostile_archive(outside, programs, tmp_path, url)
        with throwaway_cluster(programs, dumps, archive.manifest.content) as server:
            server.restore(archive)
            with psycopg.connect(server.url) as connection:
                rows = connection.execute("SELECT (SELECT count(*) FROM indexed) + (SELECT count(*) FROM checked)")
                assert rows.fetchone() == (2,)
        reached = outside.reached()
    (outer / "touched").unlink(missing_ok=True)
    outer.rmdir()

    everything = {"file", "socket", "network", "process", "stays"}
    # Landlock knows neither the sockets of others nor which processes are its own.
    assert (
        reached - unknown_to_the_kernel()
        == {
            "nothing": everything - unknown_to_the_kernel(),
            "namespace": set(),
            "landlock": {"socket", "stays"},
        }[means]
        - unknown_to_the_kernel()
    ), means
