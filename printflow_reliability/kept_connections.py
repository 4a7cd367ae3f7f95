"""Connections and clients that a process which looks every few seconds keeps from one look to the next.

To open a connection with a password costs both sides more than most questions do. Only what looks again and again
keeps any, and it keeps them so that nobody can tell them from new ones: few, not for long, not while nothing is asked,
none after an error, and none that is not proven to answer when it is taken again.
"""

import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from printflow_reliability.bounded import BoundedConnection

Client = TypeVar("Client")

LIFE_SECONDS = 60.0
"""How long anything is kept: whatever it was opened by (an address, a password, rights) may be another since."""
UNUSED_SECONDS = 30.0
"""How long a connection may wait for its next use; some networks forget those that wait for minutes."""
MOST_IDLE = 2
"""Connections to one database that wait: as many as look side by side. More are opened as they are needed."""
PROOF_SECONDS = 2.0
"""How long a kept connection may take to prove that its server answers, before a new one is opened."""
RESET = "DISCARD ALL"
"""Makes a session like a new one: settings as they were at its start, no locks, no temporary tables. It is done before
the session waits, since nobody else may have to wait for what was left in it."""
PROOF = "SELECT 1"


@dataclass
class _Kept:
    """Something that is kept, when it was opened and when it was last used, by the clock."""

    what: Any
    opened: float
    used: float


class KeptConnections:
    """What one process keeps; any number of threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._idle: dict[Hashable, list[_Kept]] = {}
        self._clients: dict[Hashable, _Kept] = {}
        self._lock = threading.Lock()
        self._tidying = False
        # Also where nobody closes it: at its process's end, or when it is no longer used.
        weakref.finalize(self, _close_all, self._idle)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let whatever the block opens be taken from here, and be kept here after it."""
        token = _in_use.set(self)
        try:
            yield
        finally:
            _in_use.reset(token)

    @contextmanager
    def connection(self, key: Hashable, opened: Callable[[], BoundedConnection]) -> Iterator[BoundedConnection]:
        """A connection for the block alone: a kept one that has just answered, or a new one."""
        kept = self._taken(key) or self._new(opened)
        connection: BoundedConnection = kept.what
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._put_back(key, kept)

    def client(self, key: Hashable, made: Callable[[], Client]) -> Client:
        """A client that threads share and that opens its connections anew by itself: a kept one, or a new one."""
        with self._lock:
            kept = self._clients.get(key)
            now = self._clock()
            if kept is None or now - kept.opened > LIFE_SECONDS:
                kept = self._clients[key] = _Kept(made(), now, now)
            kept.used = now
            for old in [name for name, other in self._clients.items() if now - other.used > LIFE_SECONDS]:
                del self._clients[old]
            found: Client = kept.what
            return found

    def close(self) -> None:
        """Close what waits."""
        with self._lock:
            self._clients.clear()
            _close_all(self._idle)

    def _new(self, opened: Callable[[], BoundedConnection]) -> _Kept:
        connection = opened()
        connection.prepare_threshold = None  # RESET forgets what was prepared
        return _Kept(connection, self._clock(), self._clock())

    def _taken(self, key: Hashable) -> _Kept | None:
        """A kept connection that answers; where one does not, none of that server is believed to."""
        self._close_old()
        with self._lock:
            waiting = self._idle.get(key)
            kept = waiting.pop() if waiting else None
        if kept is None or _answered(kept.what, PROOF):
            return kept
        with self._lock:
            doubtful = self._idle.pop(key, [])
        for other in doubtful:
            other.what.close()
        return None

    def _put_back(self, key: Hashable, kept: _Kept) -> None:
        connection: BoundedConnection = kept.what
        if connection.closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.close()
            return
        if not _answered(connection, RESET):
            return
        kept.used = self._clock()
        with self._lock:
            waiting = self._idle.setdefault(key, [])
            waiting.append(kept)
            surplus = [waiting.pop(0)] if len(waiting) > MOST_IDLE else []
            self._tidy_later()
        for other in surplus:
            other.what.close()

    def _tidy_later(self) -> None:
        """Close what waits for too long also where nothing is asked any more: a database may be about to go."""
        if self._tidying:
            return
        self._tidying = True
        keeper = weakref.ref(self)

        def tidy() -> None:
            if (kept := keeper()) is not None:
                kept._tidy()

        timer = threading.Timer(UNUSED_SECONDS + 1, tidy)
        timer.daemon = True
        timer.start()

    def _tidy(self) -> None:
        self._close_old()
        with self._lock:
            self._tidying = False
            if self._idle:
                self._tidy_later()

    def _close_old(self) -> None:
        now = self._clock()
        with self._lock:
            everything = [kept for some in self._idle.values() for kept in some]
            old = [kept for kept in everything if now - kept.opened > LIFE_SECONDS or now - kept.used > UNUSED_SECONDS]
            for key in [*self._idle]:
                self._idle[key] = [kept for kept in self._idle[key] if kept not in old]
                if not self._idle[key]:
                    del self._idle[key]
        for kept in old:
            kept.what.close()


def _close_all(idle: dict[Hashable, list[_Kept]]) -> None:
    for kept in (kept for some in idle.values() for kept in some):
        kept.what.close()
    idle.clear()


_in_use: ContextVar[KeptConnections | None] = ContextVar("kept_connections", default=None)


@contextmanager
def lent_connection(key: Hashable, opened: Callable[[], BoundedConnection]) -> Iterator[BoundedConnection]:
    """A connection for the block: one that this process keeps for that key, or a new one, which is closed at the end.

    Args:
        key: all that it is opened by, the password too: what differs in anything is another connection.
        opened: opens a new one, in autocommit mode.
    """
    keeper = _in_use.get()
    if keeper is None:
        with opened() as connection:
            yield connection
    else:
        with keeper.connection(key, opened) as connection:
            yield connection


def shared_client(key: Hashable, made: Callable[[], Client]) -> Client:
    """A client that this process keeps for that key, or a new one."""
    keeper = _in_use.get()
    return made() if keeper is None else keeper.client(key, made)


def _answered(connection: BoundedConnection, statement: str) -> bool:
    """Whether the session has done as it was told, and soon; it is closed if it has not."""
    usual = connection.answer_seconds
    connection.answer_seconds = PROOF_SECONDS
    try:
        connection.execute(statement)
    except psycopg.Error:
        with suppress(psycopg.Error):
            connection.close()
        return False
    connection.answer_seconds = usual
    return True
