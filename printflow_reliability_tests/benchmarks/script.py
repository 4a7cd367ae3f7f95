"""What a drill does, as a person's script would do it: pgbackrest, pg_ctl, pg_checksums, pg_amcheck, psql and rm, bare.

Every step is done in all clusters at once. Nothing is recorded, judged, proven or guarded.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from psycopg import sql

from printflow_reliability.backups.pgbackrest import PgBackRest, Recovery
from printflow_reliability.platform.foreign_keys import read_foreign_keys
from printflow_reliability.restore.counts import logged_tables, prepare
from printflow_reliability.restore.reaper import remove
from printflow_reliability.restore.validation.constraints import constraints
from printflow_reliability.restore.validation.foreign_keys import WITHOUT_INDEXES
from printflow_reliability.restore.validation.readings import by_table, reading
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.settings import ClusterSettings, Settings

HOUR = 3600
QUERIES = frozenset({"fence", "count", "queries"})
"""The steps that are psql alone."""
ON_TO_THE_END = "recovery_target_lsn = ''\nrecovery_target_action = 'promote'\n"


class Script:
    """The commands, for one restore of all clusters below a place that is made and removed."""

    def __init__(self, home: SandboxHome, settings: Settings, place: Path) -> None:
        self._home = home
        self._settings = settings
        self._place = place
        self._run = settings.runner()
        self._fences: dict[str, str] = {}
        self._counts = {cluster.name: self._count_query(cluster) for cluster in settings.cluster}
        self._queries = {cluster.name: self._constraint_queries(cluster) for cluster in settings.cluster}

    def run(self) -> dict[str, float]:
        """Seconds by step, in order."""
        self._place.mkdir(mode=0o700)
        self._run.own(self._place)
        steps: dict[str, Callable[[ClusterSettings], None]] = {
            "fence": self._fence,
            "restore": self._restore,
            "start": self._start,
            "count": self._count,
            "checksums": self._checksums,
            "promote": self._promote,
            "amcheck": self._amcheck,
            "queries": self._ask,
        }
        try:
            measured = {name: self._in_all(step) for name, step in steps.items()}
            began = time.perf_counter()
            remove(self._place)
            return {**measured, "remove": time.perf_counter() - began}
        finally:
            if self._place.exists():
                remove(self._place)

    def _in_all(self, step: Callable[[ClusterSettings], None]) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(max_workers=len(self._settings.cluster)) as pool:
            list(pool.map(step, self._settings.cluster))
        return time.perf_counter() - began

    def _fence(self, cluster: ClusterSettings) -> None:
        """A restore point, what every table holds, and the end of the segment, so that it is archived."""
        where = (str(self._home.path("sockets")), self._home.port(cluster.name))
        self._fences[cluster.name] = self._psql(where, cluster.name, "SELECT pg_create_restore_point('script')")
        self._psql(where, cluster.name, self._counts[cluster.name])
        self._psql(where, cluster.name, "SELECT pg_switch_wal()")

    def _restore(self, cluster: ClusterSettings) -> None:
        PgBackRest(cluster, self._run, config=cluster.drill_pgbackrest_config).restore(
            self._place / cluster.name,
            repository=1,
            timeout=HOUR,
            recovery=Recovery("lsn", self._fences[cluster.name], "pause"),
            process_max=os.cpu_count(),
            options=("--target-exclusive", f"--spool-path={self._place}"),
        )

    def _start(self, cluster: ClusterSettings) -> None:
        """Until it stands still at the fence."""
        self._pg_ctl_start(cluster)
        self._until(cluster, "SELECT pg_get_wal_replay_pause_state()", "paused")

    def _count(self, cluster: ClusterSettings) -> None:
        self._psql(self._clone(cluster), cluster.name, self._counts[cluster.name])

    def _checksums(self, cluster: ClusterSettings) -> None:
        data = str(self._place / cluster.name)
        stop = ["stop", "--wait", "--silent", "--mode=fast", "--pgdata", data]
        self._run.run([self._run.postgres("pg_ctl"), *stop], timeout=HOUR)
        self._run.run([self._run.postgres("pg_checksums"), "--check", "--pgdata", data], timeout=HOUR)

    def _promote(self, cluster: ClusterSettings) -> None:
        """On to the end of WAL, until it takes writes."""
        with (self._place / cluster.name / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(ON_TO_THE_END)
        self._pg_ctl_start(cluster)
        self._until(cluster, "SELECT pg_is_in_recovery()", "f")

    def _amcheck(self, cluster: ClusterSettings) -> None:
        host, port = self._clone(cluster)
        where = ["--host", host, "--port", str(port), "--username=postgres", "--maintenance-db=postgres"]
        checks = ["--all", "--install-missing", "--heapallindexed", "--parent-check", "--jobs=1"]
        self._run.run([self._run.postgres("pg_amcheck"), *where, *checks], timeout=HOUR)

    def _ask(self, cluster: ClusterSettings) -> None:
        self._psql(self._clone(cluster), cluster.name, *self._queries[cluster.name])

    def _pg_ctl_start(self, cluster: ClusterSettings) -> None:
        host, port = self._clone(cluster)
        options = (
            f"-c listen_addresses= -c unix_socket_directories={host} -c port={port} -c autovacuum=off "
            "-c shared_buffers=64MB -c work_mem=64MB"
        )
        start = ["start", "--wait", "--silent", f"--timeout={HOUR}", "--pgdata", str(self._place / cluster.name)]
        start += ["--log", str(self._place / f"{cluster.name}.log"), "--options", options]
        self._run.run([self._run.postgres("pg_ctl"), *start], timeout=HOUR)

    def _until(self, cluster: ClusterSettings, query: str, answer: str) -> None:
        while self._psql(self._clone(cluster), "postgres", query) != answer:
            time.sleep(0.05)

    def _psql(self, where: tuple[str, int], database: str, *queries: str) -> str:
        asking = ["--host", where[0], "--port", str(where[1]), "--username=postgres", "--tuples-only", "--no-align"]
        commands = [f"--command={query}" for query in queries]
        return self._run.run([self._run.postgres("psql"), *asking, *commands, database], timeout=HOUR).stdout.strip()

    def _clone(self, cluster: ClusterSettings) -> tuple[str, int]:
        """The directory of its socket, and the port, which is only a part of the socket's name."""
        return str(self._place), 5432 + self._settings.cluster.index(cluster)

    def _count_query(self, cluster: ClusterSettings) -> str:
        with postgres.superuser(self._home, cluster.name, cluster.name) as connection:
            prepare(connection)
            tables = [
                sql.Identifier(logged_table.schema.decode(), logged_table.name.decode())
                for logged_table in logged_tables(connection)
            ]
            counts = [sql.SQL("(SELECT count(*) FROM ONLY {})").format(table) for table in tables]
            return sql.SQL("SELECT {}").format(sql.SQL(", ").join(counts)).as_string(connection)

    def _constraint_queries(self, cluster: ClusterSettings) -> list[str]:
        """The drill's own, a table at a time."""
        with postgres.superuser(self._home, cluster.name, cluster.name) as connection:
            tables = by_table((*read_foreign_keys(connection), *constraints(connection)))
            return [WITHOUT_INDEXES, *(reading(table).as_string(connection) for table in tables)]
