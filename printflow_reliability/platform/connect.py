"""The one place that opens connections to the platform's clusters, read-only and with time limits.

A database that is down, hanging or full is "could not tell", with the cluster's name and never its password.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from printflow_reliability.absence import Absence
from printflow_reliability.addresses import postgres_url
from printflow_reliability.bounded import BoundedConnection
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.kept_connections import lent_connection
from printflow_reliability.platform.encodings import decode_as_text
from printflow_reliability.platform.refusals import (
    NoAnswer,
    NoFreeConnection,
    NotReached,
    not_answered,
    not_opened,
    not_permitted,
)
from printflow_reliability.settings import ClusterSettings

CONNECT_SECONDS = 5
"""How long a connection may take to open, with everything that is asked of us for it."""
STATEMENT_SECONDS = 600
"""How long one statement may run, unless the caller knows better."""
QUESTION_SECONDS = 45
"""How long a small question may take; a server that is stopped in mid-answer is noticed soon after."""
GRACE_SECONDS = 10
"""How much longer than the server's own limit we wait: a server that is frozen does not keep its limits."""
FULL_SECONDS = 10
"""How long to try again where all connections are taken."""
PAUSE_SECONDS = 0.5


@contextmanager
def connect(
    cluster: ClusterSettings,
    *,
    database: str | None = None,
    read_only: bool = True,
    statement_seconds: float = STATEMENT_SECONDS,
) -> Iterator[psycopg.Connection]:
    """A connection to a cluster, in autocommit mode, for the block alone.

    Args:
        cluster: which one.
        database: another database of it than the url's own.
        read_only: whether the server refuses writes of this session; switch off only for repairs.
        statement_seconds: the server ends a statement that runs longer.

    Raises:
        CouldNotTell: it is unreachable, refuses, is full, or the connection was lost; also for errors inside the block.
    """
    try:
        parts = conninfo_to_dict(postgres_url(cluster.url))
    except ValueError as wrong:
        raise CouldNotTell(
            f"the url of cluster {cluster.name} {wrong}",
            f'correct the url of cluster "{cluster.name}" in printflow.toml',
        ) from None
    limits = (
        f"-c statement_timeout={int(statement_seconds * 1000)} -c lock_timeout=5000 "
        # How the server writes times is a setting of its own; only these are read here.
        "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres "
        # A policy that would hide rows from the role is an error, not a shorter answer.
        "-c row_security=off "
        f"-c default_transaction_read_only={'on' if read_only else 'off'}"
    )
    parts |= {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "printflow_reliability",
        "client_encoding": "UTF8",
        "options": f"{parts.get('options') or ''} {limits}".strip(),
        # A server that stops answering (not just a closed socket) is noticed by the kernel, not by us.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        **({"dbname": database} if database else {}),
    }
    role = ""
    try:
        with lent_connection(("platform", tuple(sorted(parts.items()))), partial(_open, cluster, parts)) as connection:
            connection.answer_seconds = statement_seconds + GRACE_SECONDS
            role = connection.info.user
            decode_as_text(connection)
            yield connection
    except psycopg.OperationalError as error:
        raise unreachable(cluster, error) from None
    except psycopg.errors.InsufficientPrivilege as refused:
        raise not_permitted(cluster.name, role, refused) from None


def answer_watch(cluster: ClusterSettings) -> Callable[[], None]:
    """What raises a CouldNotTell, as it is called now and then, once it is not worth waiting for a cluster's server.

    That is one that takes connections and says nothing, twice in a row, or that could not be reached for long. Every
    other trouble is not asked for.
    """
    absence = Absence()

    def watch() -> None:
        for looks_left in (1, 0):
            try:
                with connect(cluster):
                    break
            except NoAnswer:
                if not looks_left:
                    raise
            except NotReached:
                if absence.not_reached():
                    raise
                return
            except CouldNotTell:
                break
        absence.reached()

    return watch


def error_text(error: psycopg.Error) -> str:
    """What a server, or the client, said of an error, on one line."""
    return error.diag.message_primary or " ".join(str(error).split())


def unreachable(cluster: ClusterSettings, error: psycopg.Error) -> CouldNotTell:
    """What to tell a person when a cluster does not answer."""
    return not_answered(cluster.name, error)


def _open(cluster: ClusterSettings, parts: dict[str, Any]) -> BoundedConnection:
    """Open a session; where all are taken, try for a while.

    Raises:
        CouldNotTell: none was opened.
    """
    deadline = time.monotonic() + FULL_SECONDS
    while True:
        try:
            return BoundedConnection.connect(make_conninfo("", **parts), autocommit=True)
        except psycopg.Error as error:
            problem = not_opened(cluster.name, error, parts, seconds=CONNECT_SECONDS)
        if not isinstance(problem, NoFreeConnection) or time.monotonic() > deadline:
            raise problem
        time.sleep(PAUSE_SECONDS)
