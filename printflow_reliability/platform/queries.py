"""Running the SQL of printflow.toml: what the database refuses is an error that names the file's key."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg import sql
from psycopg.abc import AdaptContext

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.platform.connect import connect, error_text, unreachable
from printflow_reliability.platform.encodings import WITHOUT
from printflow_reliability.platform.refusals import hides_rows, not_permitted
from printflow_reliability.settings import ClusterSettings

Connection: TypeAlias = psycopg.Connection[Any]
Connector: TypeAlias = Callable[[ClusterSettings, str | None], AbstractContextManager[Connection]]
"""Opens a connection to a cluster and database; a drill passes one that opens its clone's."""

DAMAGE = "XX"
"""PostgreSQL's class of errors for damaged data and indexes."""
NOT_OF_DATA = ("08", "25", "26", "28", "40", "42501", "53", "55", "57", "58", "72", "F0", "HV", DAMAGE)
"""What SQLSTATEs of the connection, the session, the role's rights, the server and its resources begin with."""
OF_THE_STATEMENT = "42"
"""PostgreSQL's class of errors for what does not parse, or names something unknown."""
STREAM_SECONDS = 24 * 3600
"""A query that streams beside a listing lasts as long as the listing does."""


def connect_to_platform(cluster: ClusterSettings, database: str | None) -> AbstractContextManager[Connection]:
    """The connection that is used unless a drill brings its own."""
    return connect(cluster, database=database, statement_seconds=STREAM_SECONDS)


@contextmanager
def session(
    cluster: ClusterSettings, database: str | None = None, connect_with: Connector | None = None
) -> Iterator[Connection]:
    """A connection for queries of the file; a connection lost inside the block is "could not tell".

    Raises:
        CouldNotTell: the cluster is unreachable, hides rows from the role, or the connection was lost.
    """
    role = ""
    try:
        with (connect_with or connect_to_platform)(cluster, database) as connection:
            role = connection.info.user
            yield connection
    except psycopg.OperationalError as error:
        raise unreachable(cluster, error) from None
    except psycopg.errors.InsufficientPrivilege as refused:
        raise not_permitted(cluster.name, role, refused) from None


def fails_on_data(error: psycopg.Error) -> bool:
    """Whether a single row may be why a query failed that its database had accepted.

    A row fails in as many ways as there are functions: a division, a cast (to a domain, to the name of a table), a
    subquery with two rows, a recursion without end, a function that raises whatever code its author liked.
    """
    return bool(error.sqlstate) and not str(error.sqlstate).startswith(NOT_OF_DATA)


class FailsOnData(ConfigError):
    """A query of the file that is valid, and fails on some of its rows."""


@contextmanager
def config_errors(key: str, *, accepted: bool = True) -> Iterator[None]:
    """Turn the database's refusal of a query into one message that names its key in printflow.toml.

    Args:
        key: what printflow.toml calls it.
        accepted: whether the database has accepted the query before, so that it is its rows that it fails on now.

    Raises:
        ConfigError: the query does not parse, or names something unknown or forbidden.
        FailsOnData: it fails on a row.
        CouldNotTell: the rows it reads are damaged.
        psycopg.Error: the connection was lost, or a policy hides rows; `session` tells a person.
    """
    try:
        yield
    except psycopg.DatabaseError as error:
        of_data = fails_on_data(error)
        if hides_rows(error) or (isinstance(error, psycopg.OperationalError) and not of_data):
            raise
        reason = error_text(error)
        if (error.sqlstate or "").startswith(DAMAGE):
            raise CouldNotTell(
                f"{key}: what it reads is damaged: {reason}", "printflow drill run; see drill.checksums"
            ) from None
        kind = FailsOnData if accepted and of_data else ConfigError
        raise kind(f"{key}: the database refused it: {reason}", "mend the query in printflow.toml") from None


class _Text(sql.SQL):
    """SQL of the file as UTF-8; psycopg would refuse all but ASCII where a database has no encoding."""

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        encoding = context.connection.info.encoding if context and context.connection else WITHOUT
        return self.as_string(context).encode("utf-8" if encoding == WITHOUT else encoding)


def as_table(query: str) -> sql.Composable:
    """A query of the file as something to select from; it may end in a semicolon or a comment."""
    return sql.SQL("({}\n) AS asked").format(_Text(query.strip().rstrip(";")))


def as_statement(text: str) -> sql.SQL:
    """A statement of the file as it is run; it may end in a semicolon."""
    return _Text(text.strip().rstrip(";"))


def columns_of(connection: Connection, key: str, query: str) -> Mapping[str, str]:
    """The columns that a query returns and their types (an array's ends in `[]`), without running it.

    Raises:
        ConfigError: the database refuses it.
    """
    with config_errors(key, accepted=False):
        cursor = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(as_table(query)))
    return {column.name: _type_name(connection, column.type_code) for column in cursor.description or ()}


def _type_name(connection: Connection, code: int) -> str:
    known = connection.adapters.types.get(code)
    if known is None:
        return "?"
    return f"{known.name}[]" if code == known.array_oid else known.name


def require_columns(key: str, have: Mapping[str, str], need: Sequence[str]) -> None:
    """Raises:
    ConfigError: a column is missing; the message says which there are.
    """
    if lacking := [name for name in need if name not in have]:
        raise ConfigError(
            f"{key}: returns no column {_quoted(lacking)}; it returns {_quoted(have) or 'nothing'}",
            f"name its columns: SELECT ... AS {lacking[0]}",
        )


def _quoted(names: Mapping[str, str] | list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
