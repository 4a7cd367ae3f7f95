"""A real standby: well while it follows, told once it stands still, is another cluster's, or was promoted."""

from collections.abc import Iterator

import psycopg
import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.readiness.probe import Verdict
from printflow_reliability.readiness.standby import standby_probes
from printflow_reliability_tests.stack.plain import PORT, PlainCluster, plain_cluster, settings_with

pytestmark = pytest.mark.stack

STANDBY_PORT = PORT + 1
"""Only a part of the socket's name."""
REPLAYED = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"


def url(cluster: PlainCluster, port: int, role: str = "watcher") -> str:
    return f"host={cluster.home} port={port} user={role} dbname=postgres"


def answer(cluster: PlainCluster, standby: int = STANDBY_PORT) -> list[Verdict]:
    """What the probe says, by a role that may watch and read."""
    places = {"url": url(cluster, PORT), "standby": url(cluster, standby)}
    (probe,) = standby_probes(settings_with(cluster.settings.model_copy(update=places)))
    return list(probe.ask())


@pytest.fixture(scope="module")
def pair() -> Iterator[PlainCluster]:
    """A cluster, and a standby of it beside it that streams by a slot."""
    with plain_cluster(archiving=False) as cluster:
        home, programs = cluster.home, cluster.programs
        cluster.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        copy = [programs.postgres("pg_basebackup"), f"--pgdata={home}/standby", f"--host={home}", f"--port={PORT}"]
        copy += ["--username=postgres", "--checkpoint=fast", "--write-recovery-conf", "--create-slot", "--slot=standby"]
        programs.run(copy, timeout=120)
        with (home / "standby" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"\nport = {STANDBY_PORT}\narchive_mode = on\narchive_command = 'true'\n")
        control = [programs.postgres("pg_ctl"), "--pgdata", f"{home}/standby", "--wait", "--silent"]
        programs.run([*control, "start", "--log", f"{home}/standby.log"], timeout=120)
        try:
            yield cluster
        finally:
            programs.run([*control, "stop", "--mode=immediate"], timeout=120)


def written(cluster: PlainCluster) -> str:
    """Something to replay, and up to where."""
    cluster.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
    cluster.execute("INSERT INTO notes SELECT repeat('x', 1000) FROM generate_series(1, 500)")
    return str(cluster.execute("SELECT pg_current_wal_lsn()")[0][0])


def replays(connection: "psycopg.Connection", lsn: str) -> None:
    while connection.execute(REPLAYED, (lsn,)).fetchall() != [(True,)]:
        connection.execute("SELECT pg_sleep(0.05)")


@pytest.mark.alarm("ready.standby", "silent")
@pytest.mark.alarm("ready.standby", "ring")
def test_a_standby_is_well_until_it_stands_still_and_again_afterwards(pair: PlainCluster) -> None:
    with psycopg.connect(url(pair, STANDBY_PORT, "postgres"), autocommit=True) as standby:
        replays(standby, written(pair))
        (well,) = answer(pair)
        assert well.outcome is Outcome.PASS, well
        assert well.numbers["standbys"] == 1

        standby.execute("SELECT pg_wal_replay_pause()")
        try:
            lsn = written(pair)
            (paused,) = answer(pair)
        finally:
            standby.execute("SELECT pg_wal_replay_resume()")
        assert (paused.outcome, "it is paused" in paused.sentence) == (Outcome.FAIL, True)
        assert paused.numbers["standby_lag_bytes"] > 100_000
        replays(standby, lsn)
        (again,) = answer(pair)
        assert again.outcome is Outcome.PASS, again


@pytest.mark.alarm("ready.standby", "ring")
def test_a_server_that_takes_writes_of_its_own_is_no_standby(pair: PlainCluster) -> None:
    (found,) = answer(pair, standby=PORT)
    assert (found.outcome, "takes writes of its own" in found.sentence) == (Outcome.FAIL, True)


@pytest.mark.exhaustive
def test_a_standby_of_another_cluster_is_told(pair: PlainCluster) -> None:
    with plain_cluster(archiving=False) as other:
        other.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        places = {"url": url(other, PORT), "standby": url(pair, STANDBY_PORT)}
        (probe,) = standby_probes(settings_with(other.settings.model_copy(update=places)))
        (found,) = probe.ask()
    assert (found.outcome, "of another cluster" in found.sentence) == (Outcome.FAIL, True)
