"""A drill's wall time against the raw commands that it wraps: pgbackrest, pg_ctl, pg_checksums and pg_amcheck.

Both in turn, on a sandbox of the benchmark's own (PRINTFLOW_HOME) whose clusters hold as many megabytes as asked for.
The raw commands work on all clusters at once, as a person with a good script would.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.drills.clones.reaper import remove
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.drills.plan import backups_in
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import ClusterSettings, Settings, load

ROWS_PER_MB = 900
CATALOG = """
[tenancy]
cluster = "live_db"
tenants = "SELECT id AS tenant, 'tenants/' || id || '/' AS base_path FROM tenants"

[[reference]]
name = "none: files are another benchmark's"
cluster = "live_db"
bucket = "print-files"
kind = "print-ready"
query = "SELECT md5('1')::uuid AS tenant, 'nobody' AS owner, 'none' AS key WHERE false"

[orders]
cluster = "live_db"
bucket = "print-files"
paid = "SELECT 1 AS order, md5('1')::uuid AS tenant, now() AS paid_at, 'none' AS key WHERE false"
"""
FILL = """
CREATE TABLE tenants (id uuid PRIMARY KEY);
INSERT INTO tenants VALUES (md5('1')::uuid);
GRANT SELECT ON tenants TO printflow;
CREATE TABLE bench_parents (id int PRIMARY KEY);
INSERT INTO bench_parents SELECT generate_series(0, 999);
CREATE TABLE bench_rows (id int PRIMARY KEY, parent int NOT NULL REFERENCES bench_parents, filling text NOT NULL);
CREATE INDEX ON bench_rows (parent);
GRANT SELECT ON bench_parents, bench_rows TO printflow;
INSERT INTO bench_rows SELECT n, n % 1000,
    (SELECT string_agg(md5((n * 32 + part)::text), '') FROM generate_series(1, 32) AS part)
FROM generate_series(1, {rows}) AS n
"""
"""Text that does not compress, with indexes and a foreign key to check."""


def run(megabytes: int, rounds: int) -> dict[str, float]:
    """Fill the sandbox, measure both in turn, print and return the medians."""
    home = SandboxHome.locate()
    up(home)
    config = home.path("bench.toml")
    write(config, home.config.read_text(encoding="utf-8").partition("\n[tenancy]")[0] + CATALOG, mode=0o600)
    settings = load(config)
    size = _fill(home, settings, megabytes)
    raw: list[dict[str, float]] = []
    drills: list[dict[str, float]] = []
    for number in range(rounds):
        take_base_backups(
            settings, backup_type="incr"
        )  # otherwise each round would replay more WAL than the one before
        raw.append(_raw(settings, number))
        print("raw    " + _told(raw[-1], size), flush=True)
        drills.append(_drill(settings))
        print("drill  " + _told(drills[-1], size), flush=True)
    results = {f"raw_{name}_seconds": statistics.median(one[name] for one in raw) for name in raw[0]}
    results |= {f"drill_{name}_seconds": statistics.median(one[name] for one in drills) for name in drills[0]}
    results["ratio"] = results["drill_wall_seconds"] / results["raw_wall_seconds"]
    print(f"{megabytes:,} MB in each cluster, median of {rounds}: ratio {results['ratio']:.2f}")
    return results


def _drill(settings: Settings) -> dict[str, float]:
    began = time.perf_counter()
    report = run_drill(settings)
    wall = time.perf_counter() - began
    if not report.passed:
        raise CouldNotTell(f"the drill did not pass: {[check.detail for check in report.checks]}")
    return {"wall": wall, **{phase.value: seconds for phase, seconds in report.phases.items()}}


def _raw(settings: Settings, number: int) -> dict[str, float]:
    place = settings.drills.directory / f"raw-{number}"
    run = settings.runner()
    place.mkdir(mode=0o700)
    run.own(place)

    def restore(cluster: ClusterSettings) -> None:
        PgBackRest(cluster, run, config=cluster.drill_pgbackrest_config).restore(
            place / cluster.name,
            repository=1,
            timeout=3600,
            process_max=os.cpu_count(),
            options=(f"--spool-path={place}",),
        )

    def checksums(cluster: ClusterSettings) -> None:
        """As far as a drill comes to it: with the WAL of the backup replayed, and stopped in good order."""
        promote(cluster)
        data = str(place / cluster.name)
        run.run([run.postgres("pg_ctl"), "stop", "--wait", "--silent", "--mode=fast", "--pgdata", data], timeout=3600)
        run.run([run.postgres("pg_checksums"), "--check", "--pgdata", data], timeout=3600)

    def promote(cluster: ClusterSettings) -> None:
        options = (
            f"-c listen_addresses= -c unix_socket_directories={place} -c port={_port(settings, cluster)} "
            "-c shared_buffers=64MB -c autovacuum=off"
        )
        data = str(place / cluster.name)
        log = str(place / f"{cluster.name}.log")
        start = ["start", "--wait", "--silent", "--timeout=3600", "--pgdata", data, "--log", log, "--options", options]
        run.run([run.postgres("pg_ctl"), *start], timeout=3600)
        asking = ["--host", str(place), "--port", str(_port(settings, cluster)), "--username=postgres", "--tuples-only"]
        asking += ["--no-align", "--command", "SELECT pg_is_in_recovery()", "postgres"]
        while run.run([run.postgres("psql"), *asking], timeout=60).stdout.strip() != "f":
            time.sleep(0.05)

    def amcheck(cluster: ClusterSettings) -> None:
        where = ["--host", str(place), "--port", str(_port(settings, cluster)), "--username=postgres"]
        checks = ["--all", "--install-missing", "--heapallindexed", "--parent-check", "--jobs=1"]
        run.run([run.postgres("pg_amcheck"), *where, *checks, "--maintenance-db=postgres"], timeout=3600)

    try:
        measured = {
            name: _on_all(settings, step)
            for name, step in (("restore", restore), ("checksums", checksums), ("start", promote), ("amcheck", amcheck))
        }
        began = time.perf_counter()
        remove(place)
        measured["remove"] = time.perf_counter() - began
        return {"wall": sum(measured.values()), **measured}
    finally:
        if place.exists():
            remove(place)


def _on_all(settings: Settings, step: Callable[[ClusterSettings], None]) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(max_workers=len(settings.cluster)) as pool:
        list(pool.map(step, settings.cluster))
    return time.perf_counter() - began


def _fill(home: SandboxHome, settings: Settings, megabytes: int) -> int:
    """Fill and back up every cluster; how many bytes their databases have in all."""
    for cluster in settings.cluster:
        with postgres.superuser(home, cluster.name, cluster.name) as connection:
            connection.execute("DROP TABLE IF EXISTS bench_rows, bench_parents, tenants CASCADE")
            connection.execute(FILL.format(rows=megabytes * ROWS_PER_MB).encode())
            connection.execute("CREATE TABLE IF NOT EXISTS heartbeats (at timestamptz NOT NULL)")
            connection.execute("GRANT SELECT ON heartbeats TO printflow")
            connection.execute("INSERT INTO heartbeats VALUES (now())")
            # Otherwise autovacuum writes WAL between the measurements, and whoever comes later replays more.
            connection.execute("VACUUM (FREEZE, ANALYZE)")
            connection.execute("CHECKPOINT")
    take_base_backups(settings, backup_type="full")
    size = 0
    for cluster in settings.cluster:
        backup = backups_in(PgBackRest(cluster, settings.runner()), 1)[1][-1]
        print(f"{cluster.name}: backup {backup.label}, {backup.database_bytes / 1e6:,.0f} MB", flush=True)
        size += backup.database_bytes
    return size


def _port(settings: Settings, cluster: ClusterSettings) -> int:
    """Only a part of the socket's name."""
    return 5432 + settings.cluster.index(cluster)


def _told(seconds: dict[str, float], size: int) -> str:
    """Seconds of each part, and what that makes in MB of all databases a second."""
    return "  ".join(f"{name} {took:.1f} s ({size / took / 1e6:,.0f} MB/s)" for name, took in seconds.items())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps(run(given.megabytes, given.rounds), indent=2))


if __name__ == "__main__":
    main()
