"""Why archiving fails, as production's own server log says, where the role may read it; otherwise where to look."""

import re

import psycopg
from psycopg.rows import TupleRow

LOG_TAIL = """
SELECT pg_read_binary_file(log.name, greatest((pg_stat_file(log.name)).size - %(bytes)s, 0), %(bytes)s)
FROM (SELECT pg_current_logfile() AS name) log
WHERE log.name IS NOT NULL
"""
TAIL_BYTES = 64 * 1024
_FAILED = re.compile(r"archive command (failed with exit code \d+|was terminated by [^\n\",]*)")
_PGBACKREST = re.compile(r"ERROR: (\[\d{3}\]: [^\n]*)")


def log_tail(connection: psycopg.Connection[TupleRow]) -> str:
    """The end of the server's log; empty where there is none, or the role may not read it (pg_read_server_files)."""
    try:
        row = connection.execute(LOG_TAIL, {"bytes": TAIL_BYTES}).fetchone()
    except psycopg.OperationalError:
        raise  # the connection's own business
    except psycopg.Error:
        return ""
    return bytes(row[0]).decode(errors="replace") if row and row[0] else ""


def failure_in(log: str) -> str | None:
    """How archive_command failed last, and what pgBackRest said then; None if the log does not tell.

    The command itself, which stands there too, is left out: it may hold a secret.
    """
    failed = list(_FAILED.finditer(log))
    if not failed:
        return None
    said = _PGBACKREST.findall(log[: failed[-1].start()])
    return f"archive_command {failed[-1][1]}" + (f", after {said[-1].strip()}" if said else "")
