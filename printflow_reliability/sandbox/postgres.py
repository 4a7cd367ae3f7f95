"""The sandbox's three PostgreSQL clusters: two that are protected, and one for records and Dagster's storage.

Servers listen on loopback with passwords; the superuser comes in through a socket directory that nobody else enters.
"""

import base64
import hashlib
import hmac
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from printflow_reliability.sandbox.home import SandboxHome, programs, write
from printflow_reliability.sandbox.services import Server

PROTECTED = ("live_db", "admin_db")
CLUSTERS = (*PROTECTED, "system_db")
DATABASES = {
    "live_db": (("live_db", "platform_app"),),
    "admin_db": (("admin_db", "platform_app"),),
    "system_db": (("records", "records"), ("dagster", "dagster")),
}
"""The databases of each cluster, and the role that owns each."""
ROLES = {
    "live_db": ("platform_app", "printflow", "printflow_repair"),
    "admin_db": ("platform_app", "printflow"),
    "system_db": ("records", "dagster"),
}
SHARED_BUFFERS = {"live_db": "64MB", "admin_db": "32MB", "system_db": "64MB"}

GRANTS = """
GRANT pg_read_all_data, pg_monitor TO printflow;
GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO printflow;
GRANT CONNECT ON DATABASE {database} TO printflow
"""
"""What the product may do: read everything, watch, and make the restore point that a drill must reach. No writes."""

SETTINGS = """\
# Written by `printflow sandbox up`; a change here is lost.
cluster_name = '{cluster}'
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
max_connections = {connections}
shared_buffers = '{shared_buffers}'
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
wal_level = 'replica'
max_wal_size = '512MB'
"""
ARCHIVING = """\
archive_mode = 'on'
archive_command = 'pgbackrest --config={config} --stanza={cluster} archive-push %p'
archive_timeout = 60
"""
HBA = """\
# Only the servers' own user can enter the socket directory.
local all postgres trust
host all all 127.0.0.1/32 scram-sha-256
"""


@contextmanager
def superuser(home: SandboxHome, cluster: str, database: str = "postgres") -> Iterator[psycopg.Connection]:
    """A superuser's connection to a sandbox cluster, in autocommit mode."""
    with psycopg.connect(
        host=str(home.path("sockets")),
        port=home.port(cluster),
        user="postgres",
        dbname=database,
        autocommit=True,
        connect_timeout=5,
        application_name="sandbox",
    ) as connection:
        yield connection


def url(home: SandboxHome, cluster: str, role: str, database: str | None = None) -> str:
    """The connection string, with its password, of a role of `ROLES` to a database of a sandbox cluster."""
    password = home.secret(f"{role}.password")
    return f"postgresql://{role}:{password}@127.0.0.1:{home.port(cluster)}/{database or cluster}"


def server(home: SandboxHome, cluster: str) -> Server:
    """How that cluster's server is run."""

    def ready() -> None:
        with superuser(home, cluster) as connection:
            connection.execute("SELECT 1")

    return Server(
        name=cluster,
        endpoint=f"postgresql://127.0.0.1:{home.port(cluster)}/{DATABASES[cluster][0][0]}",
        argv=(programs().postgres("postgres"), "-D", str(home.path("postgres", cluster))),
        ready=ready,
        stop_signal=signal.SIGINT,
        grace_seconds=10,
        # Whoever starts it has ended what worked in its directory; the pid in these may by now be anybody's.
        leaves=(
            home.path("postgres", cluster, "postmaster.pid"),
            home.path("sockets", f".s.PGSQL.{home.port(cluster)}"),
            home.path("sockets", f".s.PGSQL.{home.port(cluster)}.lock"),
        ),
    )


def prepare(home: SandboxHome, cluster: str) -> None:
    """Make the cluster's data directory unless there is one, and write its settings."""
    run = programs()
    data = home.path("postgres", cluster)
    if not data.exists():
        partial = home.path("postgres", f"{cluster}.partial")
        run.run(["rm", "-rf", str(partial)], timeout=60)
        run.run(
            [
                *(run.postgres("initdb"), "--pgdata", str(partial), "--data-checksums", "--no-sync"),
                *("--username=postgres", "--auth=reject", "--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            timeout=120,
        )
        partial.rename(data)
    settings = SETTINGS.format(
        cluster=cluster,
        port=home.port(cluster),
        sockets=home.path("sockets"),
        connections=200 if cluster == "system_db" else 100,
        shared_buffers=SHARED_BUFFERS[cluster],
    )
    if cluster in PROTECTED:
        settings += ARCHIVING.format(cluster=cluster, config=home.path("pgbackrest", "pgbackrest.conf"))
    write(data / "postgresql.conf", settings, mode=0o600, owner=run)
    write(data / "pg_hba.conf", HBA, mode=0o600, owner=run)


def populate(home: SandboxHome, cluster: str) -> None:
    """Make the cluster's roles and databases, or bring them to what they should be."""
    with superuser(home, cluster) as connection:
        for role in ROLES[cluster]:
            _role(home, connection, role)
        for database, owner in DATABASES[cluster]:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (database,)).rowcount
            if not known:
                statement = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(statement.format(sql.Identifier(database), sql.Identifier(owner)))
    if cluster in PROTECTED:
        for database, _ in (*DATABASES[cluster], ("postgres", "postgres")):
            with superuser(home, cluster, database) as connection:
                connection.execute(sql.SQL(GRANTS).format(database=sql.Identifier(database)))


def _role(home: SandboxHome, connection: psycopg.Connection, role: str) -> None:
    """Make a role with its password; only the password's verifier travels, so no log can show it."""
    if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).rowcount:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    password = home.secret(f"{role}.password").encode()
    if role == "dagster":
        verifier = _quick_verifier(password)
    else:
        verifier = connection.pgconn.encrypt_password(password, role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))


def _quick_verifier(password: bytes) -> str:
    """A SCRAM-SHA-256 verifier (RFC 5803) of one round, of a password that is random and long.

    Dagster opens a session for each question to its storage. The usual 4096 rounds, which make the guessing of a
    person's password dear, are nine tenths of what such a session costs its client; nobody guesses 192 random bits.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, 1)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256$1:{salt64}${stored64}:{server64}"
