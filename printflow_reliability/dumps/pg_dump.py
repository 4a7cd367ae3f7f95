"""pg_dump and pg_restore as they are called here: which, with what, and how they sign in."""

from collections.abc import Mapping
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from printflow_reliability.dumps.snapshot import Snapshot
from printflow_reliability.programs import Programs
from printflow_reliability.settings import ClusterSettings

LOCK_WAIT_MS = 300_000
"""How long pg_dump waits for a table that somebody changes, in milliseconds."""
SECRET = {"password": "PGPASSWORD"}
"""Parts of a connection string that go into the environment: arguments are everybody's to read."""


def dump_command(
    programs: Programs, cluster: ClusterSettings, database: str, taken: Snapshot
) -> tuple[list[str], Mapping[str, str]]:
    """How a database is dumped as of a snapshot, to stdout: the arguments and the environment.

    Raises:
        ConfigError: pg_dump of the server's version is not installed.
    """
    conninfo, environment = sign_in(cluster.url, dbname=database)
    return [
        programs.postgres("pg_dump", taken.major),
        "--format=custom",
        "--compress=0",  # zstd does that better, and encrypted data cannot be compressed afterwards
        f"--snapshot={taken.id}",
        f"--lock-wait-timeout={LOCK_WAIT_MS}",
        "--no-password",
        f"--dbname={conninfo}",
    ], environment


def sign_in(url: str, **changes: Any) -> tuple[str, Mapping[str, str]]:
    """A connection string without its password, and the environment that holds it."""
    parts: dict[str, Any] = {"application_name": "printflow_reliability", **conninfo_to_dict(url), **changes}
    environment = {variable: str(parts.pop(name)) for name, variable in SECRET.items() if parts.get(name)}
    return make_conninfo("", **parts), environment
