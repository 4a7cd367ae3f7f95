"""The two statements by which a repair changes the platform: an item's link, and the status that asks the customer.

Each changes exactly one row or nothing at all, in a transaction of its own. A statement that changed nothing may have
done its work at an earlier try, whose answer was lost: the caller looks before it concludes anything.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.platform.connect import connect, error_text
from printflow_reliability.platform.paid_orders import STATEMENT_SECONDS
from printflow_reliability.platform.queries import Connection, as_statement
from printflow_reliability.platform.refusals import hides_rows
from printflow_reliability.settings import RepairSettings, Settings

SECTION = "orders.repair"
TRIES = 4
PAUSE_SECONDS = 0.3
"""Before the second try; twice as long before each further one."""
PASSING = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
"""What a transaction of somebody else is the reason for, and what passes."""
DATABASE = """
SELECT datname, oid, has_function_privilege('pg_control_system()', 'EXECUTE')
FROM pg_database WHERE datname = current_database()"""
SYSTEM = "SELECT system_identifier FROM pg_control_system()"


class Conflict(CouldNotTell):
    """A transaction of somebody else was in the way; nothing was changed."""


@dataclass(frozen=True)
class NewLink:
    """What the item of an order is linked to.

    Attributes:
        item: what identifies the item; None where `orders.paid` does not say.
        was: the link that it replaces; None where there was none.
        key: the new link.
        size: of the file, in bytes.
        sha256: of the file, lower-case hex.
    """

    order: str
    item: str | None
    tenant: str | None
    was: str | None
    key: str
    size: int
    sha256: str


def write_link(settings: Settings, link: NewLink) -> bool:
    """Write a link back; whether a row was changed.

    Raises:
        ConfigError: `orders.repair` is missing or wrong, the role may not, or several rows would be changed.
        CouldNotTell: the database does not answer; the link may have been written or not.
        Refused: the database forbids it.
    """
    return _changed(settings, "link", required(settings).link, asdict(link))


def ask_customer(settings: Settings, order: str) -> bool:
    """Set the status by which the platform asks the customer; whether a row was changed.

    Raises:
        ConfigError, CouldNotTell, Refused: as `write_link`.
    """
    statement = required(settings).ask
    if statement is None:
        raise ConfigError(f"{SECTION}.ask: is missing", f'ask = "UPDATE ..." in [{SECTION}] of printflow.toml')
    return _changed(settings, "ask", statement, {"order": order})


def required(settings: Settings) -> RepairSettings:
    """What a repair may write with.

    Raises:
        ConfigError: nothing.
    """
    if settings.orders.repair is None:
        raise ConfigError(
            f"[{SECTION}] is missing, so that no link can be written",
            f"add it to printflow.toml: printflow config reference describes [{SECTION}]",
        )
    return settings.orders.repair


def _changed(settings: Settings, name: str, statement: str, values: dict[str, Any]) -> bool:
    """One row changed or none, tried again where that may help."""
    for number in range(1, TRIES + 1):
        try:
            return _tried(settings, f"{SECTION}.{name}", statement, values)
        except CouldNotTell:
            if number == TRIES:
                raise
        time.sleep(PAUSE_SECONDS * 2 ** (number - 1))
    raise AssertionError("not reached")


def _tried(settings: Settings, key: str, statement: str, values: dict[str, Any]) -> bool:
    cluster = settings.cluster_named(settings.orders.cluster)
    try:
        writing = cluster.model_copy(update={"url": required(settings).url})
        with (
            connect(cluster, statement_seconds=STATEMENT_SECONDS) as reader,
            connect(writing, read_only=False, statement_seconds=STATEMENT_SECONDS) as writer,
        ):
            if not _same_database(reader, writer):
                raise ConfigError(
                    f"{SECTION}.url: leads to another database than the url of cluster {cluster.name}",
                    "name the same database, on the primary server, with a role that may write",
                )
            return _in_a_transaction(writer, key, statement, values)
    except Conflict:
        raise
    except CouldNotTell as refused:
        raise CouldNotTell(f"{SECTION}.url: {refused.what}", refused.next_step) from None


def _in_a_transaction(connection: Connection, key: str, statement: str, values: dict[str, Any]) -> bool:
    rows = 0
    try:
        with connection.transaction():
            rows = connection.cursor().execute(as_statement(statement), values).rowcount
            if rows != 1:
                raise psycopg.Rollback
    except psycopg.errors.InsufficientPrivilege as refused:
        role = connection.info.user
        lacks = f"grant it SELECT, and UPDATE on the columns that {key} sets"
        if hides_rows(refused):
            lacks = f'ALTER ROLE "{role}" BYPASSRLS, or name another role in {SECTION}.url'
        raise ConfigError(f'{key}: role "{role}" may not do it: {error_text(refused)}', lacks) from None
    except psycopg.errors.ReadOnlySqlTransaction:
        raise ConfigError(f"{SECTION}.url: leads to a server that takes no writes", "name the primary server") from None
    except PASSING as conflict:
        raise Conflict(f"{key}: another transaction was in the way: {error_text(conflict)}", "try again") from None
    except psycopg.OperationalError:
        raise
    except psycopg.DatabaseError as refused:
        if refused.sqlstate is None or refused.sqlstate.startswith("42"):
            raise ConfigError(
                f"{key}: the database refused it: {error_text(refused)}", f"correct {key} in printflow.toml"
            ) from None
        raise Refused(f"{key}: the database forbids it: {error_text(refused)}") from None
    if rows > 1:
        raise ConfigError(
            f"{key}: would change {rows} rows, and nothing was changed",
            "have its WHERE name one row: for a link by %(item)s, with a column item in orders.paid",
        )
    return bool(rows == 1)


def _same_database(reader: Connection, writer: Connection) -> bool:
    """Whether two sessions lead to one database, as far as both roles may know; a standby's is its primary's."""
    (*read, may_read), (*written, may_write) = (
        connection.execute(DATABASE).fetchone() or (None, None, False) for connection in (reader, writer)
    )
    if read != written or not (may_read and may_write):
        return read == written
    return reader.execute(SYSTEM).fetchone() == writer.execute(SYSTEM).fetchone()
