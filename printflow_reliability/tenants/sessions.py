"""The two sessions of a tenant restore: values have the same text in both, no row is hidden, no trigger of users fires.

The source is a throwaway clone, so temporary tables may be made in it. In the target nothing is ever created.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.platform.damage import is_damage
from printflow_reliability.platform.event_triggers import switch_off
from printflow_reliability.platform.queries import STREAM_SECONDS, Connection

SESSION = """
SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 1;
SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET xmloption = 'content'; SET row_security = off;
SET idle_in_transaction_session_timeout = 0;
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('transaction_timeout', 'idle_session_timeout')
"""
BY_INDEX = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"
"""The target is only asked for rows by unique keys, a batch at a time, whatever its statistics say."""
LOST = ("08", "57P")
"""Classes of errors after which the connection is no more."""
OF_DATA = ("22", "P0")
"""Classes of errors whose messages quote values: bad data, and what functions of users raise."""


def settle(source: Connection, target: Connection) -> bool:
    """Prepare both sessions; whether the target's may keep triggers from firing."""
    for connection in (source, target):
        # What a SQL_ASCII database holds has no encoding; every byte is a character of Latin 1.
        as_is = connection.info.parameter_status("server_encoding") == "SQL_ASCII"
        connection.execute(f"SET client_encoding = '{'LATIN1' if as_is else 'UTF8'}'".encode())
        connection.execute(SESSION)
    source.execute(f"SET statement_timeout = '{STREAM_SECONDS}s'".encode())  # finding rows reads whole tables
    target.execute(BY_INDEX)
    # Names of functions and tables in values (regclass) mean the same in both.
    row = target.execute(
        "SELECT array_to_string(array(SELECT quote_ident(s) FROM unnest(current_schemas(false)) s), ', ')"
    )
    for connection, path in ((source, row.fetchone()), (target, None)):
        if path is not None:
            connection.execute("SELECT set_config('search_path', %s, false)", path)
    return suppress_triggers(target)


def suppress_triggers(connection: Connection) -> bool:
    """Keep triggers, rules and foreign keys from acting on what this session writes, if its role may."""
    try:
        connection.execute("SET session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


@contextmanager
def snapshot(source: Connection) -> Iterator[None]:
    """The block sees one state of the source, and may make temporary tables; nothing of it stays."""
    suppress_triggers(source)
    source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE")
    try:
        switch_off(source)
        yield
    finally:
        if not source.closed:
            source.execute("ROLLBACK")


@contextmanager
def explained(table: str) -> Iterator[None]:
    """Turn what a database says of our statement about a table into an error without any value of a row.

    Raises:
        ConfigError: the role may not do it, or does not see every row.
        Refused: a constraint or a value is in the way.
        CouldNotTell: a lock was not given in time, the statement took too long, or the table is damaged.
    """
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as refused:
        hidden = "row-level security" in (refused.diag.message_primary or "")
        raise ConfigError(
            f"the role may not {'see every row of' if hidden else 'do what a tenant restore needs with'} {table}: "
            f"{refused.diag.message_primary}",
            "name a role with BYPASSRLS, or the owner of the table" if hidden else "name the role that owns the table",
        ) from None
    except psycopg.errors.LockNotAvailable:
        raise CouldNotTell(f"{table} is locked by another session", "wait until it ends, then try again") from None
    except psycopg.errors.QueryCanceled:
        raise CouldNotTell(f"a statement about {table} took longer than its time limit", "try again later") from None
    except psycopg.errors.IntegrityError as broken:
        raise Refused(
            f"a row of {table} would break {broken.diag.constraint_name or 'a constraint'}",
            "correct production first: a row that it needs is gone, its unique value is taken, or it fails a check",
        ) from None
    except psycopg.DatabaseError as error:
        if is_damage(error):
            raise CouldNotTell(f"{table} is damaged: {error.diag.message_primary}", "printflow backup verify") from None
        if isinstance(error, psycopg.OperationalError):
            if error.sqlstate is None or error.sqlstate.startswith(LOST):
                raise
            what = f"the server did not finish our statement about {table}: {reason(error)}"
            raise CouldNotTell(what, "try again") from None
        raise Refused(f"the database refused our statement about {table}: {reason(error)}") from None


def reason(error: psycopg.DatabaseError) -> str:
    """What a database said, unless its words may quote a row; then only the kind of error."""
    kind = f"{type(error).__name__} (SQLSTATE {error.sqlstate})"
    if (error.sqlstate or "").startswith(OF_DATA):
        return kind
    return error.diag.message_primary or kind
