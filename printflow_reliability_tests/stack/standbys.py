"""A streaming standby made beside a cluster for a test, as an administrator makes one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from printflow_reliability.programs import Programs

REPLAYED = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
SETTINGS = """
port = {port}
listen_addresses = '127.0.0.1'
unix_socket_directories = '{place}'
archive_mode = off
"""


@contextmanager
def replication_let_in(connection: psycopg.Connection, hba: Path, line: str) -> Iterator[None]:
    """A primary that lets replication in by one more line of its pg_hba.conf, for the block."""
    before = hba.read_text(encoding="utf-8")
    hba.write_text(f"{line}\n{before}", encoding="utf-8")
    connection.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        hba.write_text(before, encoding="utf-8")
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def streaming_standby(
    run: Callable[[Sequence[str]], object],
    programs: Programs,
    place: Path,
    *,
    source: str,
    port: int,
    hba: str,
    tablespaces: Mapping[str, str] | None = None,
) -> Iterator[Path]:
    """A standby in a directory that its user may write to; stopped after the block.

    Args:
        run: runs a program as the servers' user.
        programs: finds PostgreSQL's programs.
        place: the directory.
        source: the connection string of the primary, without a password.
        port: where it listens on 127.0.0.1.
        hba: its pg_hba.conf.
        tablespaces: where it has those of the primary, by their paths there.
    """
    data = place / "data"
    mapped = [f"--tablespace-mapping={old}={new}" for old, new in (tablespaces or {}).items()]
    copy = [programs.postgres("pg_basebackup"), f"--pgdata={data}", f"--dbname={source}", "--checkpoint=fast"]
    run([*copy, "--write-recovery-conf", "--no-sync", *mapped])
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(SETTINGS.format(port=port, place=place))
    (data / "pg_hba.conf").write_text(hba, encoding="utf-8")
    control = [programs.postgres("pg_ctl"), f"--pgdata={data}", "--wait", "--silent"]
    run([*control, "start", f"--log={place}/server.log"])
    try:
        yield data
    finally:
        run([*control, "stop", "--mode=immediate"])


def caught_up(primary: psycopg.Connection, standby: psycopg.Connection) -> None:
    """Wait until a standby has replayed all that its primary has written."""
    ((written,),) = primary.execute("SELECT pg_current_wal_lsn()").fetchall()
    while standby.execute(REPLAYED, (written,)).fetchall() != [(True,)]:
        standby.execute("SELECT pg_sleep(0.05)")
