"""Connections that fail: the true cause in one sentence, with the next step, in time, and never a password."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg
import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform import connect as connecting
from printflow_reliability.platform.connect import answer_watch, connect
from printflow_reliability.settings import ClusterSettings
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

PASSWORD = "s3cr3t/@:w0rd"
ESCAPED = "s3cr3t%2F%40%3Aw0rd"
HBA = """
local all all trust
hostssl all needs_tls all scram-sha-256
host private all all reject
host all reader,ghost,nobody,one_at_most all scram-sha-256
"""
ROLES = f"""
CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE needs_tls LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE nobody PASSWORD '{PASSWORD}';
CREATE ROLE one_at_most LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 0;
CREATE TABLE secrets (id int)
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[PlainCluster, int]]:
    """A server that listens on TCP with passwords, and its port."""
    port = free_port()
    with plain_cluster(archiving=False) as cluster:
        data = cluster.home / "data"
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"\nlisten_addresses = '127.0.0.1'\nport = {port}\nmax_connections = 12\n")
        (data / "pg_hba.conf").write_text(HBA, encoding="utf-8")
        cluster.restart()
        with psycopg.connect(host=str(cluster.home), port=port, user="postgres", autocommit=True) as connection:
            connection.execute(ROLES.encode())
            for name in ("private", "closed", "half", "forbidden"):
                connection.execute(f"CREATE DATABASE {name}".encode())
            connection.execute("ALTER DATABASE closed ALLOW_CONNECTIONS false")
            connection.execute("REVOKE CONNECT ON DATABASE forbidden FROM PUBLIC")
        yield cluster, port


def cluster_at(url: str) -> ClusterSettings:
    return ClusterSettings.model_construct(
        name="shop", url=url, stanza="shop", pgbackrest_config=None, superuser="postgres", repositories=(1,)
    )


def refusal(url: str, database: str | None = None, query: str = "SELECT 1") -> CouldNotTell:
    """What is said of it, which must come in time and without the password."""
    began = time.monotonic()
    with pytest.raises(CouldNotTell) as refused, connect(cluster_at(url), database=database) as connection:
        connection.execute(query.encode())
    assert time.monotonic() - began < 60
    told = f"{refused.value} {refused.value!r} {refused.value.__cause__!r}"
    for part in (PASSWORD, ESCAPED, "s3cr3t", "w0rd"):
        assert part not in told
    assert refused.value.next_step
    return refused.value


@pytest.mark.parametrize(
    ("role", "database", "options", "what", "next_step"),
    [
        ("reader:wrong", "postgres", "", 'refuses the password of role "reader"', "correct the password in the url"),
        ("ghost:{}", "postgres", "", 'refuses the password of role "ghost"', "correct the password"),
        ("reader", "postgres", "", 'refuses the password of role "reader"', "correct the password"),
        ("nobody:{}", "postgres", "", 'does not let role "nobody" log in', 'ALTER ROLE "nobody" LOGIN'),
        ("reader:{}", "nowhere", "", 'has no database "nowhere"', "correct the url"),
        ("reader:{}", "closed", "", 'lets nobody into database "closed"', 'ALTER DATABASE "closed" ALLOW'),
        ("reader:{}", "forbidden", "", 'role "reader" into database "forbidden"', "GRANT CONNECT ON DATABASE"),
        ("reader:{}", "private", "", 'does not let role "reader" into database "private"|only with TLS', "pg_hba.conf"),
        ("needs_tls:{}", "postgres", "?sslmode=disable", "only with TLS", "add sslmode=require"),
        ("reader:{}", "postgres", "?sslmode=require", "offers no TLS", "turn on ssl"),
        ("one_at_most:{}", "postgres", "", 'no free connection for role "one_at_most"', "CONNECTION LIMIT -1"),
    ],
)
def test_what_a_server_refuses_is_said_as_it_is(
    server: tuple[PlainCluster, int],
    monkeypatch: pytest.MonkeyPatch,
    role: str,
    database: str,
    options: str,
    what: str,
    next_step: str,
) -> None:
    monkeypatch.setattr(connecting, "FULL_SECONDS", 0.2)
    url = f"postgresql://{role.format(ESCAPED)}@127.0.0.1:{server[1]}/{database}{options}"
    refused = refusal(url)
    assert re.search(what, refused.what), refused.what
    assert next_step in refused.next_step


def test_a_permission_that_is_missing_names_the_role_and_the_grant(server: tuple[PlainCluster, int]) -> None:
    refused = refusal(f"postgresql://reader:{ESCAPED}@127.0.0.1:{server[1]}/postgres", query="TABLE secrets")
    assert refused.what == 'cluster shop refuses role "reader": permission denied for table secrets'
    assert refused.next_step == 'GRANT pg_read_all_data, pg_monitor TO "reader"'


def test_a_query_that_takes_too_long_is_not_a_server_that_is_away(server: tuple[PlainCluster, int]) -> None:
    url = f"postgresql://reader:{ESCAPED}@127.0.0.1:{server[1]}/postgres"
    with pytest.raises(CouldNotTell) as late, connect(cluster_at(url), statement_seconds=0.2) as connection:
        connection.execute("SELECT pg_sleep(30)")
    assert late.value.what.startswith("cluster shop did not finish a query in time")


def test_where_all_connections_are_taken_another_try_finds_one_that_is_free(server: tuple[PlainCluster, int]) -> None:
    url = f"postgresql://reader:{ESCAPED}@127.0.0.1:{server[1]}/postgres"
    with ExitStack() as held:
        with suppress(psycopg.OperationalError):
            while True:
                held.enter_context(psycopg.connect(url))
        timer = threading.Timer(1.0, held.close)
        timer.start()
        with connect(cluster_at(url)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        timer.join()


def test_where_all_connections_stay_taken_that_is_said(
    server: tuple[PlainCluster, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "FULL_SECONDS", 0.5)
    url = f"postgresql://reader:{ESCAPED}@127.0.0.1:{server[1]}/postgres"
    with ExitStack() as held:
        with suppress(psycopg.OperationalError):
            while True:
                held.enter_context(psycopg.connect(url))
        assert refusal(url).what == "cluster shop has no free connection"


def test_options_of_a_url_are_kept_beside_our_limits(server: tuple[PlainCluster, int]) -> None:
    url = f"postgresql://reader:{ESCAPED}@127.0.0.1:{server[1]}/postgres?options=-c%20work_mem%3D3MB"
    with connect(cluster_at(url)) as connection:
        row = connection.execute("SELECT current_setting('work_mem'), current_setting('lock_timeout')").fetchone()
    assert row == ("3MB", "5s")


def test_a_closed_port_a_missing_socket_and_an_unknown_host_are_told_apart() -> None:
    port = free_port()
    assert f"nothing listens on 127.0.0.1:{port}" in refusal(f"postgresql://u:{ESCAPED}@127.0.0.1:{port}/d").what
    assert "no socket at /nowhere" in refusal("host=/nowhere user=u dbname=d").what
    unknown = refusal(f"postgresql://u:{ESCAPED}@no-such-host.invalid/d")
    assert 'the host name "no-such-host.invalid" is not known' in unknown.what


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{PASSWORD}@127.0.0.1:5432/d",
        "postgresql://u:s3cr3t@w0rd@127.0.0.1:5432/d",
        "postgresql://u:s3cr3t/w0rd@127.0.0.1:5432/d",
        "postgresql://u:12345/s3cr3t@127.0.0.1:5432/d",
        "postgresql://u:x@127.0.0.1:s3cr3t/d",
        "host=localhost password='s3cr3t",
        "s3cr3t",
        "postgresql://u:%zzs3cr3t@h/d",
    ],
)
def test_a_malformed_url_shows_nothing_of_itself(url: str) -> None:
    assert refusal(url).what.startswith("the url of cluster shop")


@contextmanager
def listener(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port behind which something behaves, for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    guest, _ = door.accept()
                    threading.Thread(target=behave, args=(guest,), daemon=True).start()

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        yield door.getsockname()[1]


def silent(guest: socket.socket) -> None:
    with guest:
        time.sleep(15)


def dripping(guest: socket.socket) -> None:
    """One byte a second of an endless question for a password."""
    with guest, suppress(OSError):
        for byte in b"NR" + b"\0" * 20:
            guest.sendall(bytes([byte]))
            time.sleep(1)


def web_server(guest: socket.socket) -> None:
    with guest, suppress(OSError):
        guest.recv(64)
        guest.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("behave", "what"),
    [(silent, "did not answer within 2 s"), (dripping, "did not answer within 2 s"), (web_server, "cannot be reached")],
)
def test_what_accepts_and_never_lets_in_is_given_up(
    monkeypatch: pytest.MonkeyPatch, behave: Callable[[socket.socket], None], what: str
) -> None:
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 2)
    with listener(behave) as port:
        assert what in refusal(f"postgresql://u:{ESCAPED}@127.0.0.1:{port}/d").what


def test_only_a_server_that_says_nothing_is_not_worth_waiting_for(
    server: tuple[PlainCluster, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 2)
    for url in (f"postgresql://u@127.0.0.1:{free_port()}/d", f"postgresql://ghost:x@127.0.0.1:{server[1]}/d"):
        answer_watch(cluster_at(url))()
    with listener(silent) as port, pytest.raises(CouldNotTell, match="did not answer within 2 s"):
        answer_watch(cluster_at(f"postgresql://u:{ESCAPED}@127.0.0.1:{port}/d"))()


def test_a_server_that_stays_away_is_not_worth_waiting_for_and_one_that_refuses_is(
    server: tuple[PlainCluster, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printflow_reliability.absence.ABSENT_SECONDS", 1.0)
    away = answer_watch(cluster_at(f"postgresql://u@127.0.0.1:{free_port()}/d"))
    refusing = answer_watch(cluster_at(f"postgresql://ghost:x@127.0.0.1:{server[1]}/d"))
    for watch in (away, refusing):
        watch()
    time.sleep(1.1)
    refusing()
    with pytest.raises(CouldNotTell, match="cannot be reached: connection refused"):
        away()


def test_a_server_that_is_frozen_while_it_answers_is_given_up(
    server: tuple[PlainCluster, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "GRACE_SECONDS", 1)
    url = f"postgresql://reader:{ESCAPED}@127.0.0.1:{server[1]}/postgres"
    began = time.monotonic()
    with ExitStack() as stack:
        connection = stack.enter_context(connect(cluster_at(url), statement_seconds=1))
        stack.callback(os.kill, connection.info.backend_pid, signal.SIGCONT)
        os.kill(connection.info.backend_pid, signal.SIGSTOP)
        with pytest.raises(psycopg.OperationalError, match="no answer within 2 s"):
            connection.execute("SELECT 1")
        assert connection.closed
    assert time.monotonic() - began < 30
