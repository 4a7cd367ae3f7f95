"""Servers that restart, end sessions or freeze between two looks: a kept connection costs one reconnect, no answer."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from printflow_reliability import kept_connections
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.kept_connections import KeptConnections
from printflow_reliability.platform import connect as platform
from printflow_reliability.platform.connect import connect
from printflow_reliability.records import database as records
from printflow_reliability.records.database import connected
from printflow_reliability.settings import RecordsSettings
from printflow_reliability.storage import clients, silence
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.counter import Counter, counter_of
from printflow_reliability_tests.stack.plain import PlainCluster, plain_cluster

pytestmark = pytest.mark.stack

Asked: TypeAlias = Callable[..., tuple[object, ...]]
WHO = "SELECT pg_backend_pid()"
END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = "
END_OTHERS += "'client backend'"
OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'printflow_reliability'"
LEFT_BEHIND = """
SET statement_timeout = 60001; SET search_path = pg_catalog; SET ROLE pg_monitor; PREPARE mine AS SELECT 1;
LISTEN something; CREATE TEMPORARY TABLE left_behind (id int); SELECT pg_advisory_lock(1)"""
FOUND = """
SELECT current_setting('statement_timeout'), current_setting('search_path'), current_user::text,
       current_setting('timezone'), current_setting('application_name'),
       to_regclass('left_behind')::text, (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
       (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels())"""


@pytest.fixture(scope="module")
def server() -> Iterator[PlainCluster]:
    """A server of its own, since it is restarted."""
    with plain_cluster(archiving=False) as cluster:
        yield cluster


@pytest.fixture
def kept() -> Iterator[KeptConnections]:
    keeper = KeptConnections()
    yield keeper
    keeper.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "PROOF_SECONDS", 0.5)
    monkeypatch.setattr(platform, "CONNECT_SECONDS", 2)
    monkeypatch.setattr(records, "CONNECT_SECONDS", 2)
    monkeypatch.setattr(clients, "READ_SECONDS", 1)
    monkeypatch.setattr(silence, "ASK_AGAIN_SECONDS", 0.0)


def platform_session(server: PlainCluster, statement: str = WHO) -> tuple[object, ...]:
    with connect(server.settings) as connection:
        return tuple(connection.execute(statement).fetchall()[0])


def records_session(server: PlainCluster, statement: str = WHO) -> tuple[object, ...]:
    with connected(RecordsSettings(url=server.settings.url)) as connection:
        return tuple(connection.execute(statement).fetchall()[0])


BOTH = pytest.mark.parametrize("session", [platform_session, records_session])


@BOTH
def test_a_look_has_the_session_of_the_one_before(server: PlainCluster, kept: KeptConnections, session: Asked) -> None:
    with kept.used():
        assert session(server) == session(server)
        assert server.execute(OURS) == [(1,)]
    assert session(server) != session(server)


@BOTH
def test_a_server_that_restarted_costs_a_new_session(
    server: PlainCluster, kept: KeptConnections, session: Asked
) -> None:
    with kept.used():
        before = session(server)
        server.stop()
        with pytest.raises(CouldNotTell):
            session(server)
        server.start()
        server.execute("SELECT 1")
        again = session(server)
        server.restart()
        after = session(server)
        server.execute(END_OTHERS)
        assert session(server) not in (before, again, after)


@BOTH
def test_nothing_that_a_look_leaves_in_its_session_reaches_the_next(
    server: PlainCluster,
    kept: KeptConnections,
    session: Asked,
) -> None:
    new = session(server, FOUND)
    with kept.used():
        who = session(server)
        with connected(RecordsSettings(url=server.settings.url)) as connection:
            for statement in LEFT_BEHIND.split(";"):
                connection.execute(statement)
        with connect(server.settings, read_only=False) as connection:
            for statement in LEFT_BEHIND.replace("lock(1)", "lock(2)").split(";"):
                connection.execute(statement)
        assert session(server, FOUND) == new
        assert session(server) == who


def test_a_look_that_writes_shares_no_session_with_those_that_only_read(
    server: PlainCluster, kept: KeptConnections
) -> None:
    with kept.used():
        with connect(server.settings, read_only=False) as connection:
            assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
        assert platform_session(server, "SHOW default_transaction_read_only") == ("on",)


@pytest.fixture(scope="module")
def counter(sandbox: StackSandbox) -> Iterator[Counter]:
    with counter_of(sandbox) as shop:
        shop.sell("1")
        shop.sell("2")
        shop.rows.append(shop.rows[0]._replace(order="3", key=None))
        yield shop


def judged(counter: Counter) -> tuple[bool, list[str]]:
    """Whether a look could tell, and what it holds."""
    report = counter.look()
    return report.judged, [hold.order for hold in report.held]


@pytest.mark.parametrize("server", ["live_db", "system_db", "primary"])
def test_the_guard_judges_as_before_once_a_server_is_back(counter: Counter, kept: KeptConnections, server: str) -> None:
    with kept.used():
        assert judged(counter) == (True, ["3"])
        with counter.sandbox.stopped(server):
            pass
        assert judged(counter) == (True, ["3"])
        with counter.sandbox.frozen(server):
            assert judged(counter) == (False, [])
        assert judged(counter) == (True, ["3"])
