"""A PostgreSQL server that is frozen is noticed soon, a query that takes long on a healthy one is waited for."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from printflow_reliability import bounded
from printflow_reliability.bounded import BoundedConnection
from printflow_reliability.sandbox import processes
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def server() -> Iterator[PlainCluster]:
    """A server of its own, since freezing one disturbs whoever shares it."""
    with plain_cluster(archiving=False) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(bounded, "PROBE_SECONDS", 2)
    monkeypatch.setattr(bounded, "CANCEL_SECONDS", 1)


@contextmanager
def connected(server: PlainCluster) -> Iterator[BoundedConnection]:
    """A connection that waits for ten minutes, as long as the server is alive."""
    with BoundedConnection.connect(server.settings.url, autocommit=True) as connection:
        yield connection


@contextmanager
def frozen(server: PlainCluster, after: float) -> Iterator[None]:
    """The whole server stands still from so many seconds on, until the block ends."""
    postmaster = int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])
    stopped: list[int] = []

    def freeze() -> None:
        processes.send([postmaster], signal.SIGSTOP)  # first, so that it starts nobody meanwhile
        stopped.extend([postmaster, *processes.children(postmaster)])
        processes.send(stopped, signal.SIGSTOP)

    timer = threading.Timer(after, freeze)
    timer.start()
    try:
        yield
    finally:
        timer.join()
        processes.send(stopped, signal.SIGCONT)


def fetch(connection: BoundedConnection) -> None:
    connection.execute("SELECT pg_sleep(60)")


def stream(connection: BoundedConnection) -> None:
    with connection.cursor() as cursor:
        for _ in cursor.stream("SELECT n, repeat('x', 1000) FROM generate_series(1, 100000000) AS n"):
            time.sleep(0.00001)


def copy_out(connection: BoundedConnection) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY (SELECT pg_sleep(60)) TO STDOUT") as rows:
        for _ in rows:
            pass


@pytest.mark.parametrize("ask", [fetch, stream, copy_out])
def test_a_server_that_freezes_in_the_middle_of_an_answer_is_given_up(
    server: PlainCluster, ask: Callable[[BoundedConnection], None]
) -> None:
    began = time.monotonic()
    with (
        frozen(server, after=0.3),
        pytest.raises(psycopg.OperationalError, match="no answer within"),
        connected(server) as connection,
    ):
        ask(connection)
    assert time.monotonic() - began < 30


@contextmanager
def out_of_reach(server: PlainCluster) -> Iterator[None]:
    """Nobody can connect; connections that there are go on."""
    (place,) = [path for path in server.home.glob(".s.PGSQL.*") if path.suffix != ".lock"]
    aside = place.with_name("aside")
    place.rename(aside)
    try:
        yield
    finally:
        aside.rename(place)


def test_a_server_that_says_nothing_and_cannot_be_reached_is_given_up(server: PlainCluster) -> None:
    with (
        connected(server) as connection,
        out_of_reach(server),
        pytest.raises(psycopg.OperationalError, match="no answer, and no new connection since"),
    ):
        connection.execute("SELECT pg_sleep(60)")


def test_a_server_that_cannot_be_reached_for_a_moment_is_waited_for(server: PlainCluster) -> None:
    with connected(server) as connection, ExitStack() as away:
        away.enter_context(out_of_reach(server))
        back = threading.Timer(0.8, away.pop_all().close)
        back.start()
        assert connection.execute("SELECT 1 FROM pg_sleep(3)").fetchone() == (1,)
        back.join()


def test_a_query_that_takes_long_is_waited_for(server: PlainCluster) -> None:
    with connected(server) as connection:
        assert connection.execute("SELECT 1 FROM pg_sleep(3)").fetchone() == (1,)


def test_a_server_that_lets_nobody_else_in_is_alive(server: PlainCluster) -> None:
    server.execute("CREATE ROLE alone LOGIN CONNECTION LIMIT 1")
    url = server.settings.url.replace("user=postgres", "user=alone")
    with BoundedConnection.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT 1 FROM pg_sleep(2)").fetchone() == (1,)


def interrupted(server: PlainCluster, query: bytes) -> float:
    """Ask something that Ctrl-C then interrupts; when it had ended."""
    with connected(server) as connection:
        timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            connection.execute(query)
        return time.monotonic()


def test_ctrl_c_ends_a_query_of_a_frozen_server_at_once(server: PlainCluster) -> None:
    with frozen(server, after=0.2):
        began = time.monotonic()
        assert interrupted(server, b"SELECT pg_sleep(60)") - began < 5


def test_ctrl_c_ends_the_query_in_a_healthy_server_too(server: PlainCluster) -> None:
    interrupted(server, b"SELECT pg_sleep(60) AS interrupted")
    time.sleep(0.5)
    asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%AS interrupted' AND state = 'active'"
    assert server.execute(asked) == [(0,)]
