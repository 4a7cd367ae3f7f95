"""Which databases of a cluster a fence can have a session in, and for how many of them connections are free."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from printflow_reliability.restore.names import text_of

TOO_FEW = "the cluster has too few free connections (a fifth of max_connections, and at least 3, is left to others)"
BACK_OFF_SECONDS = 15.0
PAUSE_SECONDS = 0.5
DATABASES = b"""
SELECT datname, datallowconn, datconnlimit = -2, has_database_privilege(oid, 'CONNECT'), datname = current_database(),
       datistemplate
FROM pg_database WHERE datname NOT IN ('template0', 'template1') ORDER BY datname
"""
FREE_CONNECTIONS = b"""
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true)::int, 0) - count(*)::int
       - greatest(3, current_setting('max_connections')::int / 5)
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
"""Those that a fence may take: production's peaks of traffic find the others free."""


@dataclass(frozen=True)
class Reachable:
    """The databases of a cluster.

    Attributes:
        own: that of the session that was asked.
        others: those in which there can be another one.
        templates: those in which no session may stay.
        left_out: those in which there cannot, and why.
    """

    own: str
    others: Sequence[str]
    templates: Sequence[str]
    left_out: Mapping[str, str]


def find_reachable(connection: psycopg.Connection) -> Reachable:
    """Ask a cluster for its databases; names are read as bytes (`counts.prepare`)."""
    own, others, templates, left_out = "", [], [], {}
    role = quote(connection.info.user)
    for name, allows, half_dropped, may_connect, is_own, is_template in connection.execute(DATABASES).fetchall():
        database = text_of(name, "utf-8")
        if is_own:
            own = database
        elif half_dropped:
            left_out[database] = f"its DROP was interrupted. Next: DROP DATABASE {quote(database)}"
        elif not allows:
            left_out[database] = "it allows no connections"
        elif not may_connect:
            grant = f"GRANT CONNECT ON DATABASE {quote(database)} TO {role}"
            left_out[database] = f"this role may not connect to it. Next: {grant}"
        elif database.encode() != name:
            left_out[database] = "its name is not valid UTF-8, so it cannot be named to a server"
        elif is_template:
            templates.append(database)
        else:
            others.append(database)
    return Reachable(own or connection.info.dbname, others, templates, left_out)


def find_connectable(connection: psycopg.Connection) -> set[str]:
    """The databases that let this role in by now, whatever their names are."""
    return {
        text_of(name, "utf-8")
        for name, allows, half_dropped, may_connect, _, is_template in connection.execute(DATABASES).fetchall()
        if allows and not half_dropped and may_connect and not is_template
    }


def free_connections(connection: psycopg.Connection, wanted: int) -> int:
    """How many more sessions may be opened, up to so many, after waiting a while if few are free."""
    deadline = time.monotonic() + BACK_OFF_SECONDS
    while True:
        row = connection.execute(FREE_CONNECTIONS).fetchone()
        room = max(0, min(wanted, row[0] if row else 0))
        if room == wanted or time.monotonic() > deadline:
            return room
        time.sleep(PAUSE_SECONDS)


def quote(name: str) -> str:
    """A name as an identifier of a statement that a person is to run."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
