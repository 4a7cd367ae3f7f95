"""Reconciling against the bare LIST of the same bucket, and other ways to the same end: seconds, CPU, peak memory.

All run interleaved in processes of their own, on a sandbox of the benchmark's own (PRINTFLOW_HOME) that is filled with
as many small objects as references. The bare LIST is obstore's, the fastest that is known here. Server and client share
the machine, so that seconds and the client's own CPU are both told.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import obstore

from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.platform.connect import connect
from printflow_reliability.sandbox import postgres
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import BucketSettings, load
from printflow_reliability.storage.clients import s3_store
from printflow_reliability.storage.single_keys import Found, SingleKeys
from printflow_reliability_tests.benchmarks import inventory, other_ways
from printflow_reliability_tests.benchmarks.peak import cpu_seconds, peak_mb

BUCKET = "print-files"
PER_TENANT = 500
IN_FLIGHT = 64
NAMED = 10
"""Of so many objects one is referenced where orphans are measured."""
WAYS = ("list", "reconcile", "inventory", "head", "rclone", "mismatched", "orphans")
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


def run(objects: int, rounds: int, ways: Sequence[str] = ("list", "reconcile", "head", "rclone")) -> dict[str, float]:
    """Fill the sandbox, measure each way, print and return the medians: `_seconds`, `_cpu_us` a key, `_rss_mb` of each.

    Of "head" a sample is measured and extrapolated to all keys; "rclone" is left out where it is not installed.
    """
    home = SandboxHome.locate()
    config = filled(home, objects)
    if "inventory" in ways:
        inventory.deliver(home, BUCKET)
    results: dict[str, list[dict[str, float]]] = {
        way: [] for way in ways if way != "rclone" or other_ways.rclone_installed()
    }
    for _ in range(rounds):
        for way, measured in results.items():
            measured.append(_measured(way, config))
            last = measured[-1]
            print(
                f"{way:<10} {last['seconds']:8.2f} s  {last['cpu_us']:6.1f} us of CPU a key  {last['rss_mb']:6.0f} MB",
                flush=True,
            )
    found = {
        f"{way}_{what}": statistics.median(measurement[what] for measurement in measured)
        for way, measured in results.items()
        for what in ("seconds", "cpu_us", "heads", "findings", "objects")
    }
    found |= {
        f"{way}_rss_mb": max(measurement["rss_mb"] for measurement in measured) for way, measured in results.items()
    }
    if {"list", "reconcile"} <= results.keys():
        found["ratio"] = found["reconcile_seconds"] / found["list_seconds"]
        found["beyond_us"] = found["reconcile_cpu_us"] - found["list_cpu_us"]
        print(
            f"{objects:,} objects and references, median of {rounds}: ratio {found['ratio']:.2f}, "
            f"{found['beyond_us']:.1f} us of client CPU a key beyond the listing"
        )
    return found


def filled(home: SandboxHome, objects: int) -> Path:
    """Bring up the sandbox with that many objects and references; returns the configuration that reconciles them."""
    up(home)
    keys = [
        f"tenants/{uuid.uuid5(uuid.NAMESPACE_DNS, str(n // PER_TENANT))}/orders/{n}/print-ready.pdf"
        for n in range(objects)
    ]
    asyncio.run(upload(writable(home), keys))
    refer(home, keys)
    config = home.path("bench.toml")
    write(config, home.config.read_text(encoding="utf-8").partition("\n[tenancy]")[0] + CATALOG, mode=0o600)
    return config


def measure(way: str, config: Path) -> dict[str, float]:
    """One measurement, in this process: seconds and CPU of the work alone, and the peak memory of the whole process."""
    settings = load(config)
    bucket = settings.bucket_named(BUCKET)
    if way == "inventory":
        settings = inventory.read_instead(SandboxHome.locate(), settings, BUCKET)
    if way == "mismatched":
        wrong = [
            entry.model_copy(update={"query": entry.query.replace("key FROM", "key, 15 AS size FROM")})
            for entry in settings.reference
        ]
        settings = settings.model_copy(update={"reference": tuple(wrong)})
    if way == "orphans":
        few = [
            entry.model_copy(update={"query": f"{entry.query} WHERE n % {NAMED} = 0"}) for entry in settings.reference
        ]
        files = settings.files.model_copy(update={"orphan_grace_seconds": 0.0})
        settings = settings.model_copy(update={"reference": tuple(few), "files": files})
    asked = _count_heads()
    began, cpu = time.perf_counter(), cpu_seconds() + cpu_seconds(resource.RUSAGE_CHILDREN)
    result: dict[str, float] = {"findings": 0.0}
    if way == "list":
        result["objects"] = float(sum(len(page) for page in s3_store(bucket).list(chunk_size=1000)))
    elif way == "head":
        result["objects"] = float(other_ways.heads(bucket, other_ways.SAMPLE))
    elif way == "rclone":
        with tempfile.TemporaryDirectory(prefix="pf-bench-") as directory:
            result |= other_ways.rclone(settings, bucket, Path(directory))
        result["objects"] = _count(config)
    else:
        report = reconcile(settings, buckets=[BUCKET])
        result |= {"objects": report.objects, "findings": float(sum(report.counts.values()))}
        if not report.ok and way not in ("mismatched", "orphans"):
            print([check.detail for check in report.checks], file=sys.stderr)
    seconds = time.perf_counter() - began
    cpu = cpu_seconds() + cpu_seconds(resource.RUSAGE_CHILDREN) - cpu
    share = _count(config) / result["objects"] if way == "head" else 1.0
    return result | {
        "seconds": seconds * share,
        "cpu_us": cpu / max(result["objects"], 1.0) * 1e6,
        "rss_mb": result.pop("peak_mb", peak_mb()),
        "heads": float(len(asked)),
    }


def _count(config: Path) -> float:
    settings = load(config)
    with connect(settings.cluster_named(settings.tenancy.cluster)) as connection:
        return float(connection.execute("SELECT count(*) FROM bench_references").fetchall()[0][0])


def _count_heads() -> list[str]:
    """The keys that this process asks for one at a time from now on."""
    asked: list[str] = []
    ask = SingleKeys.ask

    def counted(self: SingleKeys, key: str) -> Found:
        asked.append(key)
        return ask(self, key)

    SingleKeys.ask = counted  # type: ignore[method-assign]
    return asked


def _measured(way: str, config: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--measure", way, "--config", str(config)],
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
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--config", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.config)))
    else:
        print(json.dumps(run(given.objects, given.rounds), indent=2))


if __name__ == "__main__":
    main()
