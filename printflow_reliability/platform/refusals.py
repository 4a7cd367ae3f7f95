"""Why a server could not be asked, in one sentence with the next step, and never with a password in it.

Before a session exists libpq passes on words alone, so these are what causes are told by; words that are not known
here are quoted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from printflow_reliability.errors import CouldNotTell


class NoFreeConnection(CouldNotTell):
    """The server, the database or the role has as many connections as it may have; some may soon be free."""


class NoAnswer(CouldNotTell):
    """The server takes connections, and says nothing."""


class NotReached(CouldNotTell):
    """Nobody takes the connection: the server is down, or its host is away."""


@dataclass(frozen=True)
class _Cause:
    """How a cause is told by what was said, and what to tell a person: `{role}` and the like are filled in."""

    words: str
    what: str
    next_step: str


CHECK_URL = 'correct the url of cluster "{cluster}"'
NOT_READY = "wait until it takes connections, then run the command again"
FULL = (
    _Cause(
        "too many clients|remaining connection slots",
        "has no free connection",
        "run the command again when fewer clients are connected, or raise max_connections",
    ),
    _Cause(
        "too many connections for database",
        'has no free connection to database "{database}"',
        'raise its CONNECTION LIMIT: ALTER DATABASE "{database}" CONNECTION LIMIT -1',
    ),
    _Cause(
        "too many connections for role",
        'has no free connection for role "{role}"',
        'raise its CONNECTION LIMIT: ALTER ROLE "{role}" CONNECTION LIMIT -1',
    ),
)
BY_SERVER = (
    _Cause(
        "password authentication failed|no password supplied|empty password",
        'refuses the password of role "{role}"',
        'correct the password in the url of cluster "{cluster}"',
    ),
    _Cause('role ".*" does not exist', 'has no role "{role}"', CHECK_URL),
    _Cause("not permitted to log in", 'does not let role "{role}" log in', 'ALTER ROLE "{role}" LOGIN'),
    _Cause('database ".*" does not exist', 'has no database "{database}"', CHECK_URL),
    _Cause(
        "permission denied for database",
        'does not let role "{role}" into database "{database}"',
        'GRANT CONNECT ON DATABASE "{database}" TO "{role}"',
    ),
    _Cause(
        "not currently accepting connections",
        'lets nobody into database "{database}"',
        'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true',
    ),
    _Cause("invalid database", 'has dropped database "{database}" by half', 'DROP DATABASE "{database}"'),
    _Cause(
        "starting up|shutting down|recovery mode|not yet accepting|not accepting connections",
        "takes no connections yet: it is starting, stopping or recovering",
        NOT_READY,
    ),
    _Cause(
        "no pg_hba.conf entry.*no encryption|pg_hba.conf rejects.*no encryption",
        'lets role "{role}" in only with TLS, or not at all from here (pg_hba.conf)',
        'add sslmode=require to the url of cluster "{cluster}"; if it has that, add a line to pg_hba.conf',
    ),
    _Cause(
        "no pg_hba.conf entry|pg_hba.conf rejects",
        'does not let role "{role}" into database "{database}" from here (pg_hba.conf)',
        "add a line for it to pg_hba.conf and reload the server",
    ),
    _Cause(
        "unsupported startup parameter",
        "is reached through a connection pooler, which does not keep a session's settings",
        'let the url of cluster "{cluster}" lead to PostgreSQL itself',
    ),
)
"""Said by a server that was reached."""
AWAY = (
    _Cause(
        "Connection refused",
        "cannot be reached: connection refused, so nothing listens on {where}",
        f"start the server, or {CHECK_URL}",
    ),
    _Cause(
        "No such file or directory",
        "cannot be reached: there is no socket at {where}",
        f"start the server, or {CHECK_URL}",
    ),
    _Cause(
        "No route to host|unreachable|Host is down",
        "cannot be reached: there is no way to {where}",
        f"look at the host and at the network between, or {CHECK_URL}",
    ),
)
ON_THE_WAY = (
    _Cause(
        "does not support SSL|SSL was required",
        "offers no TLS, and its url demands it",
        'turn on ssl in the server, or correct sslmode in the url of cluster "{cluster}"',
    ),
    _Cause(
        "certificate|SSL error",
        "cannot be trusted: its TLS certificate does not fit sslmode and sslrootcert of the url",
        'correct sslrootcert or the host in the url of cluster "{cluster}"',
    ),
    _Cause("Permission denied", "cannot be reached: permission denied at {where}", CHECK_URL),
    _Cause(
        "could not translate host name|failed to resolve|Name or service not known|name resolution",
        'cannot be reached: the host name "{host}" is not known',
        CHECK_URL,
    ),
    _Cause(
        "server closed the connection|Connection reset|invalid response|unexpected response",
        "cannot be reached: {where} ended the connection before it said anything of PostgreSQL",
        f"look at what listens there and at its log, or {CHECK_URL}",
    ),
)
SILENT = (
    _Cause(
        "timeout expired|timed out",
        "cannot be reached: {where} did not answer within {seconds:g} s",
        f"look at the server and at what lies between (firewall, network), or {CHECK_URL}",
    ),
)
STATEMENT_CAUSES: Mapping[str, tuple[str, str]] = {
    "57014": ("did not finish a query in time", "look at what keeps it busy (pg_stat_activity), then try again"),
    "55P03": ("did not get a lock in time", "look at who holds it (pg_locks), then try again"),
    "57P01": ("ended the connection", NOT_READY),
    "57P02": ("ended the connection: one of its processes crashed", "read its log"),
    "57P03": ("takes no connections yet", NOT_READY),
}
"""By SQLSTATE, once a session exists."""


def not_opened(cluster: str, error: psycopg.Error, conninfo: Mapping[str, object], *, seconds: float) -> CouldNotTell:
    """Why no session was opened.

    Args:
        cluster: its name.
        error: what psycopg raised.
        conninfo: the parts of the connection string.
        seconds: how long was waited.
    """
    words = " ".join(str(error).split()) or type(error).__name__
    host = str(conninfo.get("host") or conninfo.get("hostaddr") or "its default socket")
    port = str(conninfo.get("port") or "")
    role = str(conninfo.get("user") or "of this system user")
    known = {
        "cluster": cluster,
        "role": role,
        "database": str(conninfo.get("dbname") or role),
        "host": host,
        "where": f"{host}:{port}" if port else host,
        "seconds": seconds,
    }
    kinds: list[tuple[Sequence[_Cause], type[CouldNotTell]]] = [(FULL, NoFreeConnection), (BY_SERVER, CouldNotTell)]
    if "FATAL:" not in words:
        kinds += [(ON_THE_WAY, CouldNotTell), (AWAY, NotReached), (SILENT, NoAnswer)]
    for causes, kind in kinds:
        for cause in causes:
            if re.search(cause.words, words, flags=re.IGNORECASE):
                return kind(f"cluster {cluster} {cause.what.format(**known)}", cause.next_step.format(**known))
    password = str(conninfo.get("password") or "")
    quoted = words.replace(password, "***") if password else words
    return CouldNotTell(
        f"cluster {cluster} cannot be reached: {quoted}",
        f'is it running, and is the url of cluster "{cluster}" right?',
    )


def not_answered(cluster: str, error: psycopg.Error) -> CouldNotTell:
    """Why an open session did not answer: a statement was ended, or the connection was lost."""
    state = error.sqlstate or ""
    reason = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    if state in STATEMENT_CAUSES:
        what, next_step = STATEMENT_CAUSES[state]
        return CouldNotTell(f"cluster {cluster} {what}: {reason}", next_step)
    if state.startswith("53"):
        return CouldNotTell(f"cluster {cluster} is short of something: {reason}", "free disk, memory or locks there")
    if state:
        return CouldNotTell(f"cluster {cluster} cannot answer: {reason}", "read its log")
    return CouldNotTell(
        f"cluster {cluster} cannot be reached: the connection was lost: {reason}",
        f'is it running, and is the url of cluster "{cluster}" right?',
    )


def hides_rows(error: psycopg.Error) -> bool:
    """Whether a policy would have hidden rows from the role; the server's words for it may be in any language."""
    return error.diag.source_function == "check_enable_rls"


def not_permitted(cluster: str, role: str, error: psycopg.Error) -> CouldNotTell:
    """What a role of a cluster lacks."""
    if hides_rows(error):
        return CouldNotTell(
            f'cluster {cluster} would hide rows from role "{role}": {error.diag.message_primary}',
            f'ALTER ROLE "{role}" BYPASSRLS, or name another role in the url of cluster "{cluster}"',
        )
    return CouldNotTell(
        f'cluster {cluster} refuses role "{role}": {error.diag.message_primary}',
        f'GRANT pg_read_all_data, pg_monitor TO "{role}"',
    )
