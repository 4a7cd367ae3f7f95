"""A clone of a cluster whose settings, triggers and names are hostile: it starts, answers, reaches nothing outside."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from printflow_reliability.drills.fences.make import make_fences
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones import confinement
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.configuration import SERVER
from printflow_reliability.restore.clones.fetch import fetch, prepare
from printflow_reliability.restore.clones.quiet import quieten
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import backups_in
from printflow_reliability.restore.production import FLOORS, Production, ask_production
from printflow_reliability.restore.recovery_target import RecoveryTarget
from printflow_reliability.restore.replay import await_promotion, replay_to_end, replay_to_fence
from printflow_reliability.settings import ClusterSettings
from printflow_reliability_tests.stack.event_triggers import EVENTS
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

ODD_PATH = "a b'c\"d\\e$f%g ü"
ODD_ROLE = 'Odd "Admin" O\'Neil'
WRITES = """
CREATE FUNCTION {name}() RETURNS {returns} LANGUAGE plpgsql AS $$
BEGIN
    COPY (SELECT 1) TO PROGRAM 'touch {outside}/{name}';
    RAISE EXCEPTION 'a trigger of the platform fired';
END $$
"""
IN_PLACE = """
[plain:restore]
delta=y
link-all=y
link-map=pg_wal=/tmp/printflow-clone
tablespace-map-all=/tmp/printflow-clone
db-include=template1
archive-mode=preserve
recovery-option=recovery_end_command=touch /tmp/printflow-clone
pg1-host=production.example.org
[plain:archive-get]
pg1-host=production.example.org
"""
"""How an administrator restores production where it was, and what a repository's own host knows of it."""
ENVIRONMENT = {
    "PGHOSTADDR": "127.0.0.1",
    "PGPORT": "1",
    "PGSSLMODE": "verify-full",
    "PGREQUIREPEER": "nobody",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
}
"""How somebody's shell leads to production."""
COMMANDS = ("archive_command", "restore_command", "archive_cleanup_command", "recovery_end_command")
SETTINGS = """
SELECT name, vartype, boot_val, min_val, enumvals[array_upper(enumvals, 1)] FROM pg_settings
WHERE context = ANY (%s) AND name NOT IN ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')
"""


@dataclass(frozen=True)
class Hostile:
    """A cluster that is hostile since a fence that was made after its backup, and what its clone must not touch."""

    cluster: PlainCluster
    production: Production
    fence: Fence
    outside: Path

    @property
    def settings(self) -> ClusterSettings:
        return keeper(self.cluster)


def keeper(cluster: PlainCluster) -> ClusterSettings:
    """Asked as another superuser, since the hostile settings are those of the first."""
    return cluster.settings.model_copy(update={"url": cluster.settings.url.replace("user=postgres", "user=keeper")})


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    with plain_cluster(IN_PLACE) as cluster:
        outside = cluster.home / "outside"
        outside.mkdir(mode=0o777)
        cluster.programs.own(outside)
        cluster.execute("ALTER SYSTEM SET max_prepared_transactions = 3")
        cluster.restart()
        cluster.execute("CREATE ROLE keeper SUPERUSER LOGIN")
        with psycopg.connect(keeper(cluster).url, autocommit=True) as connection:
            plant_in_files(connection, cluster, outside)
            cluster.command("--start-fast", "backup", "--type=full")
            production = ask_production(keeper(cluster))
            (fence,) = make_fences({"plain": production}, [keeper(cluster)], "before", quiet_seconds=5, digest_bytes=0)
            plant_in_catalog(connection, outside)
            connection.execute("SELECT pg_switch_wal()")
        yield Hostile(cluster, production, fence, outside)


def plant_in_files(connection: psycopg.Connection, cluster: PlainCluster, outside: Path) -> None:
    """Set everything that can be set in production's files; production itself has read them before."""
    contexts = ["postmaster", "sighup", "superuser-backend", "backend", "user", "superuser"]
    rows = connection.execute(SETTINGS, (contexts,)).fetchall()
    lines = "".join(f"{name} = '{worst(row, str(outside))}'\n" for row in rows for name in row[:1])
    data = cluster.home / "data"
    with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write(f"include_dir '{outside}'\nRestore_Command 'touch {outside}/spelled'\n{lines}")
    with (data / "postgresql.conf").open("ab") as file:
        file.write(f"# Gar\xe7on\ninclude_if_exists '{outside}/x'\n{lines}".encode("latin-1"))


def worst(setting: tuple[str, ...], outside: str) -> str:
    """A value that shows, or does harm, where it is taken; of a row of SETTINGS."""
    name, kind, usual, least, last = setting
    if name in COMMANDS:
        return f"touch {outside}/{name}"
    if kind == "bool":
        return "off" if usual == "on" else "on"
    if kind == "enum":
        return last
    return least if kind in ("integer", "real") else f"{outside}/{name}"


def plant_in_catalog(connection: psycopg.Connection, outside: Path) -> None:
    """Triggers that fire always, a prepared transaction, another name and every setting for the superuser."""
    connection.execute("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)")
    connection.execute("BEGIN; LOCK TABLE orders; INSERT INTO orders VALUES (2); PREPARE TRANSACTION 'it''s open'")
    connection.execute(WRITES.format(name="on_row", returns="trigger", outside=outside))
    connection.execute(WRITES.format(name="on_event", returns="event_trigger", outside=outside))
    connection.execute("CREATE TABLE audited (id int)")
    connection.execute("CREATE TRIGGER t BEFORE INSERT ON audited FOR EACH ROW EXECUTE FUNCTION on_row()")
    rows = connection.execute(SETTINGS, (["user", "superuser"],)).fetchall()
    settings = {str(row[0]): worst(row, str(outside)) for row in rows} | {"role": "keeper"}
    settings |= {"statement_timeout": "1", "idle_session_timeout": "1", "search_path": "nowhere"}
    settings["default_transaction_isolation"] = "serializable"  # refused in recovery
    planted = 0
    for name, value in settings.items():
        if name in ("session_replication_role", "restrict_nonsystem_relation_kind"):
            continue  # a value of the first is a trigger's matter, of the second PostgreSQL's own
        statement = sql.SQL("ALTER ROLE postgres SET {} TO {}").format(sql.Identifier(name), sql.Literal(value))
        with suppress(psycopg.DataError, psycopg.errors.UndefinedObject):  # it refuses what no path or command can be
            connection.execute(statement)
            planted += 1
    assert planted > 120
    connection.execute("ALTER ROLE keeper SET search_path = shop, public")
    connection.execute(sql.SQL("ALTER ROLE postgres RENAME TO {}").format(sql.Identifier(ODD_ROLE)))
    events = EVENTS if connection.info.server_version >= 170000 else EVENTS[:-1]
    for event in events:
        connection.execute(f"CREATE EVENT TRIGGER {event} ON {event} EXECUTE FUNCTION on_event()")
    for event in events:
        connection.execute(f"ALTER EVENT TRIGGER {event} ENABLE ALWAYS")


@contextmanager
def restored(hostile: Hostile, target: RecoveryTarget) -> Iterator[Clone]:
    """A clone in a directory with an odd name, which is ended and removed afterwards."""
    place = hostile.cluster.home / ODD_PATH
    place.mkdir()
    hostile.cluster.programs.own(place)
    clone = Clone(hostile.settings, hostile.production, place / "plain", hostile.cluster.programs)
    _, backups = backups_in(hostile.cluster.pgbackrest, 1)
    try:
        prepare(clone)
        fetch(clone, 1, backups[-1], target, timeout=60)
        yield clone
    finally:
        reaper.end_processes(place)
        shutil.rmtree(place)


@pytest.mark.parametrize("means", ["namespace", "landlock"])
def test_nothing_of_a_hostile_production_acts_in_its_clone(
    hostile: Hostile, means: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confinement, "MEANS", {means: means})
    mounts = Path("/proc/self/mountinfo").read_text()
    with restored(hostile, RecoveryTarget()) as clone:
        clone.start(timeout=60)
        replay_to_end(clone, None, timeout=60)
        await_promotion(clone, 0, timeout=60)
        assert clone.access.superuser == ODD_ROLE
        assert quieten([clone]) == "; prepared transactions rolled back in the clones: 1 of plain"
        require_own_settings_only(clone)
        with clone.connect("postgres", read_only=False) as connection:
            connection.execute("CREATE EXTENSION amcheck")
            connection.execute("INSERT INTO audited VALUES (1)")
            assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)
            assert connection.execute("SHOW search_path").fetchone() == ("shop, public",)
            reaches_nothing(connection, hostile.outside)
        assert clone.confinement.by == means
        assert list(reaper.processes_in(clone.place))
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert list(hostile.outside.iterdir()) == []


def require_own_settings_only(clone: Clone) -> None:
    """Of the files only what is written for clones; of the catalog nothing, in a session of ours."""
    with clone.connect() as connection:
        rows = connection.execute(
            "SELECT name, source, sourcefile FROM pg_settings WHERE source <> 'default'"
        ).fetchall()
    own_files = {str(clone.place / "postgresql.conf"), str(clone.data / "postgresql.auto.conf"), None}
    assert {file for _, source, file in rows if source == "configuration file"} <= own_files
    known = {*SERVER, *FLOORS, "unix_socket_directories", "cluster_name", "min_wal_size", "max_wal_size"}
    recovery = {name for name, *_ in rows if name.startswith("recovery_target") or name == "restore_command"}
    assert {name for name, source, _ in rows if source == "configuration file"} <= known | recovery
    assert {name for name, source, _ in rows if source in ("global", "user", "database", "database user")} == set()


def reaches_nothing(connection: psycopg.Connection, outside: Path) -> None:
    """Even what is told to write outside cannot, while its own directory is open."""
    connection.execute("COPY (SELECT 1) TO PROGRAM 'touch ../inside'")
    for attempt in (
        f"COPY (SELECT 1) TO PROGRAM 'touch {outside}/program'",
        f"COPY (SELECT 1) TO '{outside}/file'",
        "COPY (SELECT 1) TO PROGRAM 'touch /tmp/printflow-clone /dev/shm/printflow-clone'",
        f"CREATE TABLESPACE away LOCATION '{outside}'",
    ):
        with pytest.raises(psycopg.DatabaseError):
            connection.execute(attempt.encode())


def test_at_the_fence_the_superuser_still_has_its_old_name(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    named_later = replace(hostile, production=replace(hostile.production, superuser=ODD_ROLE))
    with restored(named_later, RecoveryTarget(hostile.fence)) as clone:
        clone.start(timeout=60)
        replay_to_fence(clone, hostile.fence, timeout=60)
        assert clone.access.superuser == "postgres"


def test_what_a_stopped_clone_was_fetching_is_not_taken_for_whole(hostile: Hostile) -> None:
    with restored(hostile, RecoveryTarget(hostile.fence)) as clone:
        clone.start(timeout=60)
        replay_to_fence(clone, hostile.fence, timeout=60)
        clone.stop(timeout=60)
        # A fetch that goes on: it is still at the segments that the next start asks for.
        fetcher = clone.place / "pgbackrest"
        shutil.copy(Path("/bin/sleep").resolve(), fetcher)
        with subprocess.Popen([fetcher, "30"], cwd=clone.place) as running:
            queue = clone.place / "spool" / "archive" / "plain" / "in"
            queue.mkdir(parents=True, exist_ok=True)
            hostile.cluster.programs.own(queue)
            for half in (queue / hostile.fence.segment, clone.data / "pg_wal" / "RECOVERYXLOG"):
                half.write_bytes(bytes(512 * 1024))
                hostile.cluster.programs.own(half)
            clone.set_target(None)
            clone.start(timeout=60)
            assert running.poll() is not None
        replay_to_end(clone, None, timeout=60)
        await_promotion(clone, 0, timeout=60)


def test_a_lock_that_a_dead_server_left_keeps_no_clone_from_starting(hostile: Hostile) -> None:
    with restored(hostile, RecoveryTarget(hostile.fence)) as clone:
        clone.start(timeout=60)
        replay_to_fence(clone, hostile.fence, timeout=60)
        clone.stop(timeout=60)
        # A process of the clone's own user, as a dead server is that nobody has waited for.
        alive = (hostile.cluster.home / "data" / "postmaster.pid").read_text(encoding="ascii").splitlines()[0]
        for lock in (clone.data / "postmaster.pid", clone.socket_file.with_name(f"{clone.socket_file.name}.lock")):
            lock.write_text(f"{alive}\n", encoding="ascii")
            hostile.cluster.programs.own(lock)
        clone.set_target(None)
        clone.start(timeout=60)
        replay_to_end(clone, None, timeout=60)
        await_promotion(clone, 0, timeout=60)


def test_a_clone_that_would_not_recover_is_refused_before_it_starts(hostile: Hostile) -> None:
    with restored(hostile, RecoveryTarget()) as clone:
        (clone.data / "recovery.signal").unlink()
        with pytest.raises(Refused, match=r"is not set up for recovery"):
            clone.start(timeout=60)
        assert list(reaper.processes_in(clone.place)) == []


def test_the_end_of_a_clone_is_told_by_its_cause_alone(hostile: Hostile) -> None:
    with restored(hostile, RecoveryTarget()) as clone:
        (clone.data / "global" / "pg_control").write_bytes(bytes(8192))
        with pytest.raises(CouldNotTell) as ended:
            clone.start(timeout=60)
    assert "HINT" not in ended.value.what
    assert "PG_CONTROL_VERSION 0" in ended.value.what


def test_where_nothing_confines_a_clone_production_must_be_out_of_its_reach(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confinement, "MEANS", {})
    place = hostile.cluster.home / "place"
    place.mkdir()
    with pytest.raises(Refused, match=r"could write to .*/data, which is production's: this system has neither"):
        confinement.confine(hostile.cluster.programs, place, hostile.production)
    elsewhere = replace(hostile.production, data_directory="/on/another/host", tablespaces=())
    chosen = confinement.confine(hostile.cluster.programs, place, elsewhere)
    assert chosen.by.startswith("permissions")
