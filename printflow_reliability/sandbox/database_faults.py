"""Faults in a cluster itself: a row that breaks a constraint, an index and a heap that lack rows, no archiving."""

from collections.abc import Callable, Mapping
from pathlib import Path

from psycopg import sql

from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox import up as lifecycle
from printflow_reliability.sandbox.home import SandboxHome

Mend = Callable[[], None]


def foreign_key(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    """Smuggle an invoice past its foreign key."""
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("INSERT INTO invoices (number, order_id, snapshot) VALUES (1, 999999999, '{}')")

    def mend() -> None:
        with postgres.superuser(home, "live_db", "live_db") as connection:
            connection.execute("DELETE FROM invoices WHERE number = 1")

    return {"cluster": "live_db", "table": "public.invoices"}, mend


def index_missing_rows(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    """Insert a row while an index takes none."""
    ready = "UPDATE pg_index SET indisready = %s WHERE indexrelid = 'jobs_queue_idx'::regclass"
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute(ready, (False,))
        connection.execute("INSERT INTO jobs (queue, payload, available_at, created_at) VALUES ('fault', '{}', 0, 0)")
        connection.execute(ready, (True,))

    def mend() -> None:
        with postgres.superuser(home, "live_db", "live_db") as connection:
            connection.execute("REINDEX INDEX jobs_queue_idx")
            connection.execute("DELETE FROM jobs WHERE queue = 'fault'")

    return {"cluster": "live_db", "index": "jobs_queue_idx"}, mend


def heap_truncated(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    """Empty the heap of a table of admin_db while the cluster is stopped."""
    with postgres.superuser(home, "admin_db", "admin_db") as connection:
        connection.execute("CHECKPOINT")
        rows = connection.execute(
            "SELECT current_setting('data_directory'), pg_relation_filepath('audit_logs')"
        ).fetchall()
    heap = Path(*rows[0])
    whole = _rewritten(home, heap, b"")
    return {"cluster": "admin_db", "table": "audit_logs"}, lambda: _restored(home, heap, whole)


def _rewritten(home: SandboxHome, heap: Path, content: bytes) -> bytes:
    """Stop the cluster, replace a heap file in place, start again; what the file held before."""
    lifecycle.stop(home, "admin_db")
    before = heap.read_bytes()
    with heap.open("r+b") as file:
        file.truncate(0)
        file.write(content)
    lifecycle.start(home, "admin_db")
    return before


def _restored(home: SandboxHome, heap: Path, whole: bytes) -> None:
    _rewritten(home, heap, whole)


def archiving_broken(home: SandboxHome) -> tuple[Mapping[str, str], Mend]:
    """Let every archive command of live_db fail."""

    def archive_with(command: str | None) -> None:
        statement = sql.SQL("ALTER SYSTEM SET archive_command = {}").format(sql.Literal(command))
        with postgres.superuser(home, "live_db") as connection:
            connection.execute(statement if command else "ALTER SYSTEM RESET archive_command")
            connection.execute("SELECT pg_reload_conf()")

    archive_with("false")
    return {"cluster": "live_db"}, lambda: archive_with(None)
