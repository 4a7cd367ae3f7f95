"""Event triggers that fire even in sessions of a replica: kept from acting on statements of ours.

Since version 17 the setting event_triggers does it too, before a session's first statement.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

FIRING = "SELECT evtname, evtenabled::text FROM pg_catalog.pg_event_trigger WHERE evtenabled IN ('A', 'R') ORDER BY 1"
MODES = {"A": sql.SQL("ENABLE ALWAYS"), "R": sql.SQL("ENABLE REPLICA")}


def switch_off(connection: psycopg.Connection) -> Sequence[tuple[str, str]]:
    """Disable them in this session's database; their names, and in which mode each was."""
    found: list[tuple[str, str]] = connection.execute(FIRING).fetchall()
    for name, _ in found:
        connection.execute(sql.SQL("ALTER EVENT TRIGGER {} DISABLE").format(sql.Identifier(name)))
    return found


@contextmanager
def switched_off(connection: psycopg.Connection) -> Iterator[None]:
    """A transaction in which they are disabled, and after which they are as they were."""
    with connection.transaction():
        found = switch_off(connection)
        yield
        for name, mode in found:
            connection.execute(sql.SQL("ALTER EVENT TRIGGER {} {}").format(sql.Identifier(name), MODES[mode]))
