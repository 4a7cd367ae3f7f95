"""A drill's wall time against the raw commands that it wraps, as `script.py` gives them.

Both in turn, on a sandbox of the benchmark's own (PRINTFLOW_HOME) whose clusters hold as many megabytes as asked for.
"""

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.pgbackrest import BackupType, PgBackRest
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.checks import Outcome
from printflow_reliability.drills.drill import run_drill
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore.plan import backups_in
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import Settings, load
from printflow_reliability_tests.benchmarks.script import QUERIES, Script

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
    size = fill(home, settings, megabytes)
    raw: list[dict[str, float]] = []
    drills: list[dict[str, float]] = []
    for number in range(rounds):
        # Otherwise each round would replay more WAL than the one before.
        _back_up(settings, "incr")
        steps = Script(home, settings, settings.drills.directory / f"script-{number}").run()
        programs = sum(seconds for name, seconds in steps.items() if name not in QUERIES)
        raw.append({"wall": sum(steps.values()), "programs": programs, **steps})
        print("raw    " + _summary(raw[-1], size), flush=True)
        drills.append(_drill(settings))
        print("drill  " + _summary(drills[-1], size), flush=True)
    results = {f"raw_{name}_seconds": statistics.median(measured[name] for measured in raw) for name in raw[0]}
    results |= {f"drill_{name}_seconds": statistics.median(drill[name] for drill in drills) for name in drills[0]}
    results["ratio"] = results["drill_wall_seconds"] / results["raw_wall_seconds"]
    results["ratio_without_queries"] = results["drill_wall_seconds"] / results["raw_programs_seconds"]
    print(
        f"{megabytes:,} MB in each cluster, median of {rounds}: ratio {results['ratio']:.2f}; "
        f"{results['ratio_without_queries']:.2f} if the script asks no database anything"
    )
    return results


def _drill(settings: Settings) -> dict[str, float]:
    began = time.perf_counter()
    report = run_drill(settings)
    wall = time.perf_counter() - began
    if not report.passed:
        raise CouldNotTell(f"the drill did not pass: {[check.detail for check in report.checks]}")
    return {"wall": wall, **{phase.value: seconds for phase, seconds in report.phases.items()}}


def fill(home: SandboxHome, settings: Settings, megabytes: int) -> int:
    """Fill and back up every cluster; how many bytes their databases have in all."""
    with ThreadPoolExecutor(max_workers=len(settings.cluster)) as pool:
        list(pool.map(lambda cluster: _fill_one(home, cluster.name, megabytes), settings.cluster))
    _back_up(settings, "full")
    size = 0
    for cluster in settings.cluster:
        backup = backups_in(PgBackRest(cluster, settings.runner()), 1)[1][-1]
        print(f"{cluster.name}: backup {backup.label}, {backup.database_bytes / 1e6:,.0f} MB", flush=True)
        size += backup.database_bytes
    return size


def _fill_one(home: SandboxHome, cluster: str, megabytes: int) -> None:
    with postgres.superuser(home, cluster, cluster) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_rows, bench_parents, tenants CASCADE")
        connection.execute(FILL.format(rows=megabytes * ROWS_PER_MB).encode())
        connection.execute("CREATE TABLE IF NOT EXISTS heartbeats (at timestamptz NOT NULL)")
        connection.execute("GRANT SELECT ON heartbeats TO printflow")
        connection.execute("INSERT INTO heartbeats VALUES (now())")
        # Otherwise autovacuum writes WAL between the measurements, and whoever comes later replays more.
        connection.execute("VACUUM (FREEZE, ANALYZE)")
        connection.execute("CHECKPOINT")
        # pgBackRest waits for the end of a backup's WAL to be archived, and not for so much of it.
        while connection.execute("SELECT FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'").rowcount:
            time.sleep(1)


def _back_up(settings: Settings, backup_type: BackupType) -> None:
    report = take_base_backups(settings, BackupRequest(type=backup_type))
    if bad := [check.detail for check in report.checks if check.outcome is not Outcome.PASS]:
        raise CouldNotTell(f"a base backup failed: {bad}")


def _summary(seconds: dict[str, float], size: int) -> str:
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
