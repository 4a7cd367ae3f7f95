"""Connections that are kept from one look to the next cannot be told from new ones, and are few."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from printflow_reliability import kept_connections as module
from printflow_reliability.bounded import BoundedConnection
from printflow_reliability.kept_connections import KeptConnections, lent_connection, shared_client
from printflow_reliability.storage.workers import Workers


class Session(BoundedConnection):
    """A session that nobody serves: it notes what it was asked, and fails when its server is gone."""

    prepare_threshold: int | None = 5

    def __init__(self, number: int) -> None:
        self.number = number
        self.asked: list[str] = []
        self.gone = False
        self.ended = False
        self.status = TransactionStatus.IDLE
        self.limits: list[float] = []

    @property
    def closed(self) -> bool:
        return self.ended

    @property
    def info(self) -> SimpleNamespace:  # type: ignore[override]
        return SimpleNamespace(transaction_status=self.status)

    def execute(self, query: str, *_: object, **__: object) -> None:  # type: ignore[override]
        self.asked.append(query)
        self.limits.append(self.answer_seconds)
        if self.gone:
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    def close(self) -> None:
        self.ended = True

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, *_: object) -> None:
        pass


class Server:
    """Opens sessions, and remembers all of them."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.now = 1000.0
        self.kept = KeptConnections(lambda: self.now)

    def open(self) -> Session:
        self.sessions.append(Session(len(self.sessions)))
        return self.sessions[-1]

    @contextmanager
    def look(self, key: str = "records") -> Iterator[Session]:
        """One look, in which a connection is lent."""
        with self.kept.used(), lent_connection(key, self.open) as connection:
            assert isinstance(connection, Session)
            yield connection

    def opened_for(self, *keys: str) -> list[int]:
        """Which session each of these looks had, one after the other."""
        numbers = []
        for key in keys:
            with self.look(key) as session:
                numbers.append(session.number)
        return numbers

    @property
    def left_open(self) -> int:
        return sum(not session.ended for session in self.sessions)


@pytest.fixture
def server() -> Server:
    return Server()


def test_the_next_look_has_the_same_session_and_it_is_like_a_new_one(server: Server) -> None:
    assert server.opened_for("records", "records") == [0, 0]
    assert server.sessions[0].asked == ["DISCARD ALL", "SELECT 1", "DISCARD ALL"]
    assert server.sessions[0].prepare_threshold is None


def test_the_proof_is_waited_for_a_short_time_and_everything_else_as_before(server: Server) -> None:
    with server.look() as session:
        session.answer_seconds = 77
    with server.look() as session:
        assert session.limits == [module.PROOF_SECONDS] * 2
        assert session.answer_seconds == 77


def test_whoever_keeps_nothing_has_a_new_session_that_is_closed_at_the_end(server: Server) -> None:
    for _ in range(2):
        with lent_connection("records", server.open):
            pass
    assert len(server.sessions) == 2
    assert server.left_open == 0


def test_what_was_kept_does_not_reach_beyond_the_look(server: Server) -> None:
    server.opened_for("records")
    with lent_connection("records", server.open) as connection:
        assert connection is server.sessions[1]


def test_a_session_that_was_lost_costs_a_new_one_and_no_answer(server: Server) -> None:
    server.opened_for("records")
    server.sessions[0].gone = True
    assert server.opened_for("records", "records") == [1, 1]
    assert server.sessions[0].ended


def test_where_one_session_was_lost_none_of_that_server_is_believed(server: Server) -> None:
    with server.look(), server.look():
        pass
    for session in server.sessions:
        session.gone = True
    with server.look() as found:
        assert found.number == 2
        assert len(found.asked) == 0
    assert sum(session.asked.count("SELECT 1") for session in server.sessions) == 1
    assert server.left_open == 1


def test_a_session_that_was_lost_during_the_look_is_not_kept(server: Server) -> None:
    with server.look() as session:
        session.gone = True
    assert server.left_open == 0


def test_a_session_on_which_something_failed_is_not_kept(server: Server) -> None:
    with pytest.raises(ValueError, match="wrong"), server.look():
        raise ValueError("wrong")
    assert server.left_open == 0
    assert server.opened_for("records") == [1]


@pytest.mark.parametrize("status", [TransactionStatus.INTRANS, TransactionStatus.INERROR, TransactionStatus.UNKNOWN])
def test_a_session_is_not_kept_inside_a_transaction(server: Server, status: TransactionStatus) -> None:
    with server.look() as session:
        session.status = status
    assert server.left_open == 0


def test_another_address_or_password_is_another_connection(server: Server) -> None:
    assert server.opened_for("old password", "new password", "old password") == [0, 1, 0]


@pytest.mark.parametrize(
    ("pauses", "sessions"),
    [
        ([module.UNUSED_SECONDS], 1),
        ([module.UNUSED_SECONDS + 1], 2),
        ([20.0] * 3, 1),
        ([20.0] * 4, 2),
    ],
)
def test_nothing_is_kept_for_long(server: Server, pauses: list[float], sessions: int) -> None:
    server.opened_for("records")
    for seconds in pauses:
        server.now += seconds
        server.opened_for("records")
    assert len(server.sessions) == sessions
    assert server.left_open == 1


def test_what_nobody_asks_for_any_longer_is_closed_by_the_next_look(server: Server) -> None:
    server.opened_for("a cluster that was taken out of the file")
    server.now += module.UNUSED_SECONDS + 1
    server.opened_for("records")
    assert server.sessions[0].ended


def test_two_at_the_same_time_have_a_session_each_and_few_are_kept(server: Server) -> None:
    with server.look() as first, server.look() as second, server.look() as third:
        assert len({first.number, second.number, third.number}) == 3
    assert server.left_open == module.MOST_IDLE


def test_everything_is_closed_at_the_end(server: Server) -> None:
    with server.look(), server.look("platform"):
        pass
    server.kept.close()
    assert server.left_open == 0
    assert server.opened_for("records") == [2]


def test_whoever_is_forgotten_leaves_nothing_open(server: Server) -> None:
    server.opened_for("records", "platform")
    server.kept = KeptConnections()
    gc.collect()
    assert server.left_open == 0


def made(numbers: list[int]) -> object:
    numbers.append(len(numbers))
    return object()


def test_a_client_is_shared_for_as_long_as_nothing_can_have_changed(server: Server) -> None:
    numbers: list[int] = []
    make: Callable[[], object] = partial(made, numbers)
    with server.kept.used():
        assert shared_client("bucket", make) is shared_client("bucket", make)
        assert shared_client("bucket with another key", make) is not shared_client("bucket", make)
        server.now += module.LIFE_SECONDS + 1
        shared_client("bucket", make)
    assert len(numbers) == 3
    assert shared_client("bucket", make) is not shared_client("bucket", make)


def test_threads_of_a_look_share_what_it_keeps(server: Server) -> None:
    numbers: list[int] = []

    def client(_: int) -> object:
        return shared_client("bucket", partial(made, numbers))

    with server.kept.used(), Workers(2) as pool:
        assert len({id(found) for found in pool.map(client, range(4))}) == 1
    assert len(numbers) == 1
