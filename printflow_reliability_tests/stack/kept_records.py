"""The records of a shared sandbox as they were before: what a test found and remembered is nothing to others."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from printflow_reliability.sandbox import postgres
from printflow_reliability_tests.stack.conftest import StackSandbox

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


@contextmanager
def records_kept(sandbox: StackSandbox) -> Iterator[None]:
    """Put every row of the records back at the end."""
    kept: dict[str, list[bytes]] = {}
    with postgres.superuser(sandbox.home, "system_db", "records") as records:
        for (name,) in records.execute(TABLES).fetchall():
            with records.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))) as copied:
                kept[name] = [bytes(row) for row in copied]
    try:
        yield
    finally:
        with postgres.superuser(sandbox.home, "system_db", "records") as records:
            records.execute("SET session_replication_role = replica")  # rows refer to one another
            records.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, kept))))
            for name, rows in kept.items():
                with records.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(name))) as copy:
                    for row in rows:
                        copy.write(row)
