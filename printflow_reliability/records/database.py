"""Opening the records database, whose tables must be of the version that this program needs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.bounded import BoundedConnection
from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld
from printflow_reliability.kept_connections import lent_connection
from printflow_reliability.settings import RecordsSettings

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60
"""How long one statement may take; whoever does not answer by then is frozen."""
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION = max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
"""Of the newest migration, as alembic would say it too; that takes a second to load on a busy machine."""
KEY = "SELECT hashtextextended('printflow:' || %s, 0)"
REFUSALS = ("25", "28", "3F", "42501", "42703", "42P01", "P0", "XX")
"""What SQLSTATEs begin with where the records answer and refuse: no writes, no right, no table, a trigger, damage."""
NO_WRITES = "25006"
NEXT = {
    NO_WRITES: "let records.url lead to the primary server, or find out why it takes no writes",
    "42501": "let the role of records.url own its tables",
    "42P01": "restore the records database, or make its tables anew: printflow records migrate",
}
SAID_TWICE = re.compile(r"^connection failed: | Is the server running .*\?$")
"""What libpq adds to what it says of a server."""
HOLDER = """
SELECT a.pid, a.backend_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted
  AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('printflow:' || %s, 0)
"""


@contextmanager
def open_records(records: RecordsSettings, *, known_current: bool = False) -> Iterator[psycopg.Connection[TupleRow]]:
    """A connection to the records, in autocommit mode, for the block alone.

    Args:
        records: where they are.
        known_current: whether the caller has just seen that its tables are of this program's version.

    Raises:
        CouldNotTell: the database is unreachable or refuses, such as a write, or the connection was lost.
        ConfigError: its url is malformed, or its tables are of another version than this program's.
    """
    with connected(records) as connection:
        if not known_current:
            require_current(connection)
        yield connection


@contextmanager
def exclusive(connection: psycopg.Connection[TupleRow], name: str) -> Iterator[None]:
    """Hold the lock of that name for the block; it also ends with the connection, so a killed holder frees it.

    Raises:
        LockHeld: somebody else has it; the message names the backend that does.
    """
    take(connection, name)
    try:
        yield
    finally:
        release(connection, name)


def take(connection: psycopg.Connection[TupleRow], name: str) -> None:
    """Take the lock of that name.

    Raises:
        LockHeld: somebody else has it; the message names the backend that does.
    """
    row = connection.execute(f"SELECT pg_try_advisory_lock(({KEY}))", (name,)).fetchone()
    if row is not None and row[0]:
        return
    holder = holder_of(connection, name)
    since = f" (database session {holder[0]}, since {holder[1]:%H:%M:%S} UTC)" if holder else ""
    raise LockHeld(f"another {name} is running{since}", "wait for it to end, then try again")


def holder_of(connection: psycopg.Connection[TupleRow], name: str) -> tuple[object, ...] | None:
    """The process id and start of the database session that has the lock; None if nobody has it."""
    return connection.execute(HOLDER, (name,)).fetchone()


def release(connection: psycopg.Connection[TupleRow], name: str) -> None:
    """Give the lock back; a connection that was lost has done so already."""
    with suppress(psycopg.OperationalError, psycopg.InterfaceError):
        connection.execute(f"SELECT pg_advisory_unlock(({KEY}))", (name,))


def connect(records: RecordsSettings) -> BoundedConnection:
    """A connection to the records, in autocommit mode, which the caller closes. It does not wait for ever.

    Raises:
        CouldNotTell: the database is unreachable.
        ConfigError: the url is no connection string; it is not shown, since it may hold a password.
    """
    try:
        connection = BoundedConnection.connect(
            records.url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="printflow_reliability",
            # Whatever the role or the database has for its sessions; nothing here is asked again after a conflict.
            options="-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres "
            r"-c default_transaction_isolation=read\ committed",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=25_000,
        )
        connection.answer_seconds = ANSWER_SECONDS
        return connection
    except psycopg.OperationalError as error:
        raise _unreachable(error) from None
    except psycopg.ProgrammingError:
        raise ConfigError(
            "records.url: is not a PostgreSQL connection string", "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from None


def require_current(connection: psycopg.Connection[TupleRow]) -> None:
    """Raises:
    ConfigError: the tables are of another version than this program's.
    """
    exists = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if exists and exists[0] else None
    if row is None or row[0] != VERSION:
        have = row[0] if row else "none"
        raise ConfigError(
            f"the records are at version {have}, this program needs {VERSION}", "printflow records migrate"
        )


@contextmanager
def connected(records: RecordsSettings) -> Iterator[psycopg.Connection[TupleRow]]:
    """A connection to the records, whatever the version of its tables, for the block alone.

    Raises:
        CouldNotTell: the database is unreachable or refuses, or the connection was lost.
    """
    try:
        with lent_connection(("records", records.url), partial(connect, records)) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise _unreachable(error) from None
    except psycopg.DatabaseError as error:
        if (refused := refusal(error)) is None:
            raise
        raise refused from None


def refusal(error: psycopg.Error) -> CouldNotTell | None:
    """What to tell a person where the records answer and refuse; None where the fault is in what they were asked."""
    state = error.sqlstate or ""
    if not state.startswith(REFUSALS):
        return None
    said = error.diag.message_primary or " ".join(str(error).split())
    return CouldNotTell(f"the records database refuses: {said}", NEXT.get(state, "read the log of its server"))


def _unreachable(error: psycopg.Error) -> CouldNotTell:
    reason = " ".join(str(error).split()) or type(error).__name__
    reason = SAID_TWICE.sub("", reason)
    password = "password authentication failed" in reason
    next_step = "correct the password in records.url" if password else "is it running, and is records.url right?"
    return CouldNotTell(f"the records database cannot be reached: {reason}", next_step)
