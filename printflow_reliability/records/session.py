"""A connection to the records that work of hours can rely on: lost, it is opened anew, and its lock is taken again."""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld
from printflow_reliability.records.database import connect, holder_of, refusal, release, require_current, take
from printflow_reliability.settings import RecordsSettings

log = logging.getLogger(__name__)

GONE_SECONDS = 10.0
"""How long our own lost session may hold the lock after it was told to end."""
Answer = TypeVar("Answer")
Records = psycopg.Connection[TupleRow]
IDENTITY = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"


class RecordsSession:
    """The records, with a lock that this session holds for as long as it lives.

    Raises:
        LockHeld: somebody else has the lock (on entering).
        CouldNotTell: the records are unreachable.
        ConfigError: their tables are of another version than this program's.
    """

    def __init__(self, records: RecordsSettings, lock: str) -> None:
        self._records = records
        self._lock = lock
        self._taken_over = ""
        self._frozen: tuple[object, ...] | None = None

    def __enter__(self) -> Self:
        self._open()
        try:
            require_current(self._connection)
            take(self._connection, self._lock)
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        release(self._connection, self._lock)
        self._connection.close()

    def ask(self, question: Callable[[Records], Answer]) -> Answer:
        """Ask the records something; once more, if the connection turns out to be lost.

        Raises:
            CouldNotTell: the records do not answer.
        """
        try:
            return question(self._connected())
        except (psycopg.OperationalError, psycopg.InterfaceError) as lost:
            if not self._connection.closed:
                raise _unavailable(lost) from None
        except psycopg.DatabaseError as error:
            if (refused := refusal(error)) is None:
                raise
            raise refused from None
        try:
            return question(self._connected())
        except (psycopg.OperationalError, psycopg.InterfaceError) as lost:
            raise _unavailable(lost) from None

    def require_lock(self) -> None:
        """Make sure that nobody took the lock while the connection was lost.

        Records that are away are no reason to stop: nobody can take the lock there.

        Raises:
            CouldNotTell: somebody did.
        """
        try:
            self.ask(lambda connection: connection.execute("SELECT 1"))
            if self._frozen is not None:
                self._lock_again(self._frozen)
        except (CouldNotTell, ConfigError) as away:
            log.warning("%s; going on without them", away.what)
        if self._taken_over:
            raise CouldNotTell(
                f"the connection to the records was lost, and {self._taken_over} meanwhile", "printflow drill list"
            )

    def _connected(self) -> Records:
        if self._connection.closed:
            lost = self._backend
            self._open()
            log.warning("the connection to the records was lost and is open again")
            self._lock_again(lost)
        return self._connection

    def _open(self) -> None:
        self._connection = connect(self._records)
        self._backend = self._connection.execute(IDENTITY).fetchone()

    def _lock_again(self, lost: tuple[object, ...] | None) -> None:
        """Take the lock again; the server may not have noticed yet that our lost session is no more.

        A lost session that is frozen keeps the lock, and so keeps it from others as well.
        """
        self._taken_over, self._frozen = "", None
        deadline = time.monotonic() + GONE_SECONDS
        while True:
            lingers = lost is not None and self._connection.execute(END, lost).fetchone() is not None
            try:
                take(self._connection, self._lock)
            except LockHeld as held:
                if lingers and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                if lost is not None and holder_of(self._connection, self._lock) == lost:
                    self._frozen = lost
                else:
                    self._taken_over = held.what
            return


def _unavailable(error: psycopg.Error) -> CouldNotTell:
    return CouldNotTell(
        f"the records database does not answer: {' '.join(str(error).split())}",
        "is it running, and is records.url right?",
    )
