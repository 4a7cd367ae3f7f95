"""pg_dump as it is called here: which one, and with what."""

from collections.abc import Mapping

from printflow_reliability.dumps.snapshot import Snapshot
from printflow_reliability.platform.sign_in import sign_in
from printflow_reliability.programs import Programs
from printflow_reliability.settings import ClusterSettings

LOCK_WAIT_MS = 300_000
"""How long pg_dump waits for a table that somebody changes, in milliseconds."""


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
