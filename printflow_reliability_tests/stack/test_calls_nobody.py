"""A recovered cluster calls nobody, whatever its subscriptions, foreign servers and functions called in production."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.recovery.recover import Recovered, recover
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.configuration import SERVER
from printflow_reliability.restore.targets import Target
from printflow_reliability_tests.stack.event_triggers import EVENTS
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster
from printflow_reliability_tests.stack.plain_settings import settings_of

pytestmark = pytest.mark.stack

# Production itself calls nobody here, so that whoever is called is so by a clone.
CALLS = """
CREATE FUNCTION {name}() RETURNS {returns} LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('data_directory') <> '{production}' THEN
        PERFORM public.dblink_connect('{address}');
    END IF;
    {end}
END $$
"""
SCHEMA = """
CREATE TABLE heartbeats AS SELECT clock_timestamp() AS at;
CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw;
CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{port}', connect_timeout '2');
CREATE USER MAPPING FOR PUBLIC SERVER away OPTIONS (user 'nobody', password 'x');
CREATE TABLE orders (id int PRIMARY KEY, tenant int NOT NULL);
CREATE TABLE parts (id int, name text) PARTITION BY LIST (id);
CREATE FOREIGN TABLE parts_away PARTITION OF parts FOR VALUES IN (1) SERVER away;
CREATE FOREIGN TABLE elsewhere (id int NOT NULL) SERVER away;
CREATE MATERIALIZED VIEW copied AS SELECT * FROM elsewhere WITH NO DATA;
CREATE VIEW seen AS SELECT * FROM elsewhere;
CREATE SUBSCRIPTION feed CONNECTION '{address}' PUBLICATION shop WITH (connect = false);
ALTER SUBSCRIPTION feed ENABLE;
CREATE TRIGGER calls BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON orders EXECUTE FUNCTION calls();
ALTER TABLE orders ENABLE ALWAYS TRIGGER calls
"""


class Listener:
    """Somebody whom production calls: notes every connection, and ends it."""

    def __init__(self, door: socket.socket) -> None:
        self.port: int = door.getsockname()[1]
        self.calls = 0
        self._door = door

    def listen(self) -> None:
        """Until the door is closed."""
        with suppress(OSError):
            while True:
                self._door.accept()[0].close()
                self.calls += 1


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        found = Listener(door)
        thread = threading.Thread(target=found.listen)
        thread.start()
        yield found
        door.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(scope="module")
def shop(listener: Listener) -> Iterator[PlainCluster]:
    """A cluster that calls somebody by all means, and a backup of it."""
    address = f"host=127.0.0.1 port={listener.port} connect_timeout=2"
    with plain_cluster() as cluster:
        cluster.execute("ALTER SYSTEM SET max_logical_replication_workers = 0")
        cluster.restart()
        with psycopg.connect(cluster.settings.url, autocommit=True) as connection:
            for name, returns, end in (("calls", "trigger", "RETURN NULL;"), ("calls_always", "event_trigger", "")):
                names = {"production": cluster.home / "data", "name": name, "returns": returns, "end": end}
                connection.execute(CALLS.format(address=address, **names).encode())
            connection.execute(SCHEMA.format(port=listener.port, address=address).encode())
            connection.execute("INSERT INTO orders VALUES (1, 1)")
            known = EVENTS if connection.info.server_version >= 170000 else EVENTS[:-1]
            for event in known:
                connection.execute(f"CREATE EVENT TRIGGER {event} ON {event} EXECUTE FUNCTION calls_always()".encode())
            for event in known:
                connection.execute(f"ALTER EVENT TRIGGER {event} ENABLE ALWAYS".encode())
        cluster.command("--start-fast", "backup", "--type=full")
        cluster.switch_wal()
        assert listener.calls == 0
        yield cluster


@contextmanager
def recovered(shop: PlainCluster) -> Iterator[Recovered]:
    into = shop.home / "recovered"
    try:
        yield recover(settings_of(shop), Target("latest"), into, repository=1, tell=lambda _phase, _what: None)
    finally:
        reaper.remove(into)


@contextmanager
def owner(shop: PlainCluster, done: Recovered) -> Iterator[psycopg.Connection]:
    """A session in the recovered cluster that a trigger at login does not end."""
    (restored,) = done.clusters
    late = shop.execute("SELECT current_setting('server_version_num')::int >= 170000") == [(True,)]
    with psycopg.connect(
        host=str(restored.sockets),
        port=restored.port,
        user=restored.superuser,
        dbname=restored.database,
        options="-c event_triggers=off" if late else "",
        autocommit=True,
    ) as connection:
        yield connection


def test_nobody_is_called_while_a_cluster_is_recovered_and_checked(shop: PlainCluster, listener: Listener) -> None:
    before = listener.calls
    with recovered(shop) as done:
        # What compares with production has nothing to compare with here.
        told = {check.check: check.outcome for check in done.checks if check.check != "drill.recovery"}
        assert listener.calls == before
        # It is as it was, and calls where its owner lets it.
        with owner(shop, done) as connection:
            assert connection.execute("SELECT DISTINCT evtenabled::text FROM pg_event_trigger").fetchall() == [("A",)]
            with suppress(psycopg.Error):
                connection.execute("INSERT INTO orders VALUES (2, 2)")
    assert told == dict.fromkeys(told, Outcome.PASS), done.checks
    assert listener.calls > before


def test_a_subscription_that_is_not_held_back_would_call(
    shop: PlainCluster, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listener.calls
    monkeypatch.setattr(
        "printflow_reliability.restore.clones.configuration.SERVER", {**SERVER, "max_logical_replication_workers": "4"}
    )
    with recovered(shop):
        assert listener.calls > before
