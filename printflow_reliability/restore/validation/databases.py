"""The databases of a clone that can be checked, and those that cannot, each with the reason."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.connect import error_text
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.validation.observations import Observation, note, unknown, violation

MAINTENANCE = ("postgres", "template1")
"""Databases that initdb makes; anybody may have dropped the first."""
HALF_DROPPED = -2
"""`datconnlimit` of a database whose DROP was interrupted."""
BROKEN = re.compile(r"relation mapping file|not a valid data directory|is missing|could not (?:open|read)|invalid page")
"""What a server says of a database whose own files are damaged; a refused connection has no SQLSTATE."""
DATABASES = """
SELECT datname, datallowconn, datconnlimit, octet_length(datname::text), datistemplate
FROM pg_database WHERE datname <> 'template0' ORDER BY datname
"""
OWN_SEARCH_PATH = """
SELECT coalesce(
    (SELECT substr(setting, length('search_path=') + 1)
     FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting
     WHERE s.setrole = 0 AND d.datname = current_database() AND setting LIKE 'search\\_path=%'),
    '"$user", public')
"""


@dataclass(frozen=True)
class Database:
    """A database of a clone."""

    clone: Clone
    name: str
    is_template: bool

    @property
    def label(self) -> str:
        """As observations call it."""
        return f"{self.clone.cluster.name} {self.name}"


@dataclass(frozen=True)
class Databases:
    """Those that answer, and what is to be said of the others, by name."""

    answering: Sequence[Database]
    closed: Mapping[str, Observation]

    @property
    def left_out(self) -> Sequence[Observation]:
        """What is to be said of those that do not answer."""
        return tuple(self.closed.values())


def find_databases(clone: Clone) -> Databases:
    """Connect to every database of a clone, templates too: databases are going to be made of them.

    Raises:
        CouldNotTell: the clone does not answer at all.
    """
    rows = _list(clone)
    answering: list[Database] = []
    closed: dict[str, Observation] = {}
    for name, allows, limit, octets, is_template in rows:
        database = Database(clone, name, is_template)
        if limit == HALF_DROPPED:
            closed[name] = note(f"{database.label} is left out: its DROP DATABASE was interrupted in production")
        elif not allows:
            closed[name] = note(f"{database.label} is left out: production allows no connections to it")
        elif len(name.encode()) != octets:  # bytes of it were escaped
            closed[name] = note(f"{database.label} is left out: its name is not valid UTF-8, so no client can name it")
        elif (reason := _refusal(database)) is None:
            answering.append(database)
        else:
            observe = violation if BROKEN.search(reason) else unknown
            closed[name] = observe(f"{database.label} does not open: {reason}")
    return Databases(answering, closed)


def _list(clone: Clone) -> list[tuple[str, bool, int, int, bool]]:
    """Every database, as the first says that opens; none of them must be there or be sound.

    Raises:
        CouldNotTell: none opens.
    """
    refused = None
    for name in (None, *MAINTENANCE):
        try:
            with clone.connect(name) as connection:
                return connection.execute(DATABASES).fetchall()
        except CouldNotTell as away:
            refused = refused or away
        except psycopg.Error as error:
            refused = refused or CouldNotTell(f"{clone.cluster.name} cannot list its databases: {error_text(error)}")
    raise refused or CouldNotTell(f"{clone.cluster.name} has no database")


def use_own_search_path(connection: psycopg.Connection) -> None:
    """Resolve names as the database's own sessions do: functions in indexes may count on it."""
    row = connection.execute(OWN_SEARCH_PATH).fetchone()
    if row is not None:
        connection.execute(sql.SQL("SET search_path = {}").format(sql.SQL(row[0])))


def _refusal(database: Database) -> str | None:
    """Why no session can be opened there, in the server's words; None if one can."""
    try:
        with database.clone.connect(database.name) as connection:
            connection.execute("SELECT count(*) FROM pg_class")
    except CouldNotTell as away:
        return away.what.rpartition("FATAL:")[2].strip()
    except psycopg.Error as error:
        return error_text(error)
    return None
