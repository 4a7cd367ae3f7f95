"""The one place that opens connections to the platform's clusters, read-only and with time limits.

A database that is down, hanging or full is "could not tell", with the cluster's name and never its password.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.platform.encodings import decode_as_text
from printflow_reliability.settings import ClusterSettings

CONNECT_SECONDS = 5
"""How long a connection may take to open; libpq's own unit is whole seconds."""
STATEMENT_SECONDS = 600
"""How long one statement may run, unless the caller knows better."""


@contextmanager
def connect(
    cluster: ClusterSettings,
    *,
    database: str | None = None,
    read_only: bool = True,
    statement_seconds: float = STATEMENT_SECONDS,
) -> Iterator[psycopg.Connection]:
    """A connection to a cluster, in autocommit mode, closed at the end.

    Args:
        cluster: which one.
        database: another database of it than the url's own.
        read_only: whether the server refuses writes of this session; switch off only for the fence and for repairs.
        statement_seconds: the server ends a statement that runs longer.

    Raises:
        CouldNotTell: it is unreachable, refuses, is full, or the connection was lost; also for errors inside the block.
    """
    options = (
        f"-c statement_timeout={int(statement_seconds * 1000)} -c lock_timeout=5000 "
        # How the server writes times is a setting of its own; only these are read here.
        "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres "
        f"-c default_transaction_read_only={'on' if read_only else 'off'}"
    )
    try:
        conninfo = make_conninfo(
            cluster.url,
            connect_timeout=CONNECT_SECONDS,
            application_name="printflow_reliability",
            options=options,
            # A server that stops answering (not just a closed socket) is noticed by the kernel, not by us.
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            **({"dbname": database} if database else {}),
        )
    except psycopg.ProgrammingError:
        raise CouldNotTell(
            f"the url of cluster {cluster.name} is not a PostgreSQL connection string",
            "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ) from None
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            decode_as_text(connection)
            yield connection
    except psycopg.OperationalError as error:
        raise unreachable(cluster, error) from None


def said(error: psycopg.Error) -> str:
    """What a server, or the client, said of an error, on one line."""
    return error.diag.message_primary or " ".join(str(error).split())


def unreachable(cluster: ClusterSettings, error: psycopg.Error) -> CouldNotTell:
    """What to tell a person when a cluster does not answer."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return CouldNotTell(
        f"cluster {cluster.name} cannot be reached: {reason}",
        f'is it running, and is the url of cluster "{cluster.name}" right?',
    )
