"""A dump of many rows, encrypted and under Object Lock, beside `pg_dump | zstd > file` of the same database."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome, programs
from printflow_reliability.sandbox.up import up

ROWS = """
DROP TABLE IF EXISTS bench_rows;
CREATE TABLE bench_rows AS
SELECT n AS id, gen_random_uuid() AS tenant_id, 'tenants/' || n % 500 || '/orders/' || n || '/print-ready.pdf' AS key,
       md5(n::text) AS sha256, now() - n * interval '1 minute' AS created_at, n % 1000 / 100.0 AS price
FROM generate_series(1, {rows}) AS n
"""


def run(rows: int, rounds: int) -> dict[str, float]:
    """Fill the sandbox, dump in turns, print and return the medians in seconds and the peak memory in MB."""
    home = SandboxHome.locate()
    up(home)
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute(ROWS.format(rows=rows).encode())
        connection.execute(b"VACUUM ANALYZE bench_rows")
    ours: list[float] = []
    bare: list[float] = []
    memory: list[float] = []
    for _ in range(rounds):
        bare.append(_bare(home))
        seconds, peak = _product(home, rows)
        ours.append(seconds)
        memory.append(peak)
    found = {"dump_seconds": statistics.median(ours), "bare_seconds": statistics.median(bare), "rss_mb": max(memory)}
    found["throughput"] = found["bare_seconds"] / found["dump_seconds"]
    print(f"dump of {rows:,} rows, median of {rounds}: {found}; each: {ours}, bare: {bare}", flush=True)
    return found


def _product(home: SandboxHome, rows: int) -> tuple[float, float]:
    """Seconds of the dump itself, from its snapshot to its manifest, and the peak memory of the whole command in MB."""
    program = str(Path(sys.executable).with_name("printflow"))
    argv = [program, "--config", str(home.config), "dump", "run", "live_db", "--database", "live_db", "--json"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        document = json.load(output)
    (dump,) = document["dumps"]
    if process.returncode != 0 or dump["rows"] < rows:
        raise AssertionError(document)
    return float(dump["seconds"]), usage.ru_maxrss / 1024


def _bare(home: SandboxHome) -> float:
    """Seconds of `pg_dump | zstd > file`."""
    runner = programs()
    pg_dump = runner.postgres("pg_dump")
    target = home.path("postgres", "bare.dump.zst")
    script = '"$0" --format=custom --compress=0 --host="$1" --port="$2" live_db | zstd --quiet --force -o "$3"'
    began = time.perf_counter()
    runner.run(
        [
            "bash",
            "-o",
            "pipefail",
            "-c",
            script,
            pg_dump,
            str(home.path("sockets")),
            str(home.port("live_db")),
            str(target),
        ],
        timeout=600,
    )
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds
