"""Reconciling against the bare LIST of the same bucket: seconds, their ratio, and peak memory of each.

Both run interleaved in processes of their own, on a sandbox of the benchmark's own (PRINTFLOW_HOME) that is filled with
as many small objects as references. The bare LIST is obstore's, the fastest that is known here.
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import obstore

from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import BucketSettings, load
from printflow_reliability.storage.clients import s3_store

BUCKET = "print-files"
PER_TENANT = 500
IN_FLIGHT = 64
CATALOG = """
[tenancy]
cluster = "live_db"
tenants = "SELECT tenant, 'tenants/' || tenant || '/' AS base_path FROM bench_references GROUP BY tenant"

[[reference]]
name = "benchmark"
cluster = "live_db"
bucket = "print-files"
kind = "print-ready"
query = "SELECT tenant, 'order ' || n AS owner, key FROM bench_references"

[orders]
cluster = "live_db"
bucket = "print-files"
paid = "SELECT 1 AS order, tenant, now() AS paid_at, key FROM bench_references WHERE false"
"""


def run(objects: int, rounds: int) -> dict[str, float]:
    """Fill the sandbox, measure both, print and return the medians."""
    home = SandboxHome.locate()
    up(home)
    keys = [
        f"tenants/{uuid.uuid5(uuid.NAMESPACE_DNS, str(n // PER_TENANT))}/orders/{n}/print-ready.pdf"
        for n in range(objects)
    ]
    asyncio.run(upload(writable(home), keys))
    refer(home, keys)
    config = home.path("bench.toml")
    write(config, home.config.read_text(encoding="utf-8").partition("\n[tenancy]")[0] + CATALOG, mode=0o600)
    results: dict[str, list[dict[str, float]]] = {"list": [], "reconcile": []}
    for _ in range(rounds):
        for what, measured in results.items():
            measured.append(_measured(what, config))
            print(f"{what:<10} {measured[-1]['seconds']:8.2f} s  {measured[-1]['rss_mb']:6.0f} MB", flush=True)
    seconds = {
        what: statistics.median(measurement["seconds"] for measurement in measured)
        for what, measured in results.items()
    }
    memory = {what: max(measurement["rss_mb"] for measurement in measured) for what, measured in results.items()}
    ratio = seconds["reconcile"] / seconds["list"]
    print(f"{objects:,} objects and references, median of {rounds}: ratio {ratio:.2f}")
    return (
        {"ratio": ratio}
        | {f"{what}_seconds": value for what, value in seconds.items()}
        | {f"{what}_rss_mb": value for what, value in memory.items()}
    )


def measure(what: str, config: Path) -> dict[str, float]:
    """One measurement, in this process: seconds of the work alone, and the peak memory of the whole process."""
    settings = load(config)
    began = time.perf_counter()
    if what == "list":
        count = sum(len(page) for page in s3_store(settings.bucket_named(BUCKET)).list(chunk_size=1000))
        result = {"objects": float(count)}
    else:
        report = reconcile(settings, buckets=[BUCKET])
        result = {"objects": report.objects, "references": report.references, "findings": sum(report.counts.values())}
        if not report.ok:
            print([check.detail for check in report.checks], file=sys.stderr)
    result["seconds"] = time.perf_counter() - began
    # Not getrusage: its peak is inherited from the parent through fork and exec.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    result["rss_mb"] = int(peak[1]) / 1024 if peak else float("nan")
    return result


def _measured(what: str, config: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--measure", what, "--config", str(config)],
        check=True,
        stdout=subprocess.PIPE,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


async def upload(bucket: BucketSettings, keys: Sequence[str], body: bytes = b"%PDF-1.4 small") -> None:
    """Put the objects that are not there yet."""
    store = s3_store(bucket)
    there = {item["path"] for page in store.list(chunk_size=1000) for item in page}
    coming = iter([key for key in keys if key not in there])

    async def put() -> None:
        for key in coming:
            await obstore.put_async(store, key, body, use_multipart=False)

    await asyncio.gather(*(put() for _ in range(IN_FLIGHT)))


def refer(home: SandboxHome, keys: Sequence[str]) -> None:
    """Let a table of the platform name each of these keys, which are `tenants/<uuid>/...`."""
    with postgres.superuser(home, "live_db", "live_db") as connection:
        connection.execute("DROP TABLE IF EXISTS bench_references")
        connection.execute("CREATE TABLE bench_references (n bigint, tenant uuid, key text)")
        with connection.cursor().copy("COPY bench_references FROM STDIN") as copy:
            for n, key in enumerate(keys):
                copy.write_row((n, key.split("/")[1], key))
        connection.execute("ANALYZE bench_references")


def writable(home: SandboxHome) -> BucketSettings:
    """The bucket, with the key that the platform writes with."""
    secrets = {
        f"{name}_key{suffix}": home.secret(f"s3-app.{kind}")
        for name, suffix, kind in (("access", "_id", "key"), ("secret_access", "", "secret"))
    }
    return home.settings().bucket_named(BUCKET).model_copy(update=secrets)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=("list", "reconcile"), help=argparse.SUPPRESS)
    parser.add_argument("--config", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.config)))
    else:
        print(json.dumps(run(given.objects, given.rounds), indent=2))


if __name__ == "__main__":
    main()
