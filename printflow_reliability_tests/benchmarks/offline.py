"""What the reconciliation costs without a server: the merge join at millions of keys, and a listing out of order.

Each in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

from printflow_reliability.files.merge import merge
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.storage.listing import read_in_order
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability_tests.benchmarks.peak import cpu_seconds, peak_mb

MILLION = 1_000_000
MERGED = (1, 3, 10)
"""Millions of keys."""
AT = datetime(2026, 11, 2, tzinfo=UTC)


def run(millions: tuple[int, ...] = MERGED) -> dict[str, float]:
    """Merge that many millions of keys, and sort one million; seconds a million, and peak memory in MB of each."""
    found: dict[str, float] = {}
    for count in millions:
        measured = measured_alone("merge", count * MILLION)
        found |= {f"merge_{count}_seconds": measured["seconds"] / count, f"merge_{count}_rss_mb": measured["rss_mb"]}
        print(f"merge of {count} million: {measured['seconds'] / count:.2f} s a million, {measured['rss_mb']:.0f} MB")
    first, last = millions[0], millions[-1]
    for what in ("seconds", "rss_mb"):
        growth = found[f"merge_{last}_{what}"] / found[f"merge_{first}_{what}"] - 1
        found[f"growth_{what}"] = growth / max(last - first, 1)
    measured = measured_alone("spill", MILLION)
    found |= {"spill_seconds": measured["seconds"], "spill_rss_mb": measured["rss_mb"]}
    print(
        f"growth a million: {found['growth_seconds']:+.1%} of the seconds, {found['growth_rss_mb']:+.1%} of the memory"
    )
    print(f"1 million keys out of order: {found['spill_seconds']:.2f} s, {found['spill_rss_mb']:.0f} MB")
    return found


def measure(what: str, count: int) -> dict[str, float]:
    """One measurement, in this process."""
    began, cpu = time.perf_counter(), cpu_seconds()
    if what == "merge":
        references = (Reference(_key(n), 0, "1", None, "print-files", None, None, False) for n in range(count))
        objects = (StoredObject(_key(n), 1, "etag", AT) for n in range(count))
        seen = sum(1 for _ in merge(references, objects))
    else:
        seen = read_in_order(OutOfOrder(count), "", lambda objects: sum(1 for _ in objects))
    if seen != count:
        raise AssertionError(f"{seen:,} of {count:,} keys came out")
    cpu_us = (cpu_seconds() - cpu) / count * 1e6
    return {"seconds": time.perf_counter() - began, "cpu_us": cpu_us, "rss_mb": peak_mb()}


class OutOfOrder:
    """A store that lists every second key first."""

    as_of: datetime | None = None

    def __init__(self, count: int) -> None:
        self._count = count

    def listed(self, _prefix: str) -> Iterator[StoredObject]:
        """As it comes."""
        return (StoredObject(_key(n), 1, "etag", AT) for n in chain(range(1, self._count, 2), range(0, self._count, 2)))

    listed_anyhow = listed


def _key(number: int) -> str:
    return f"tenants/{number // 500:012d}/orders/{number:012d}/print-ready.pdf"


def measured_alone(what: str, count: int) -> dict[str, float]:
    """One measurement, in a process of its own: seconds, CPU in microseconds a key, peak memory in MB."""
    argv = [sys.executable, "-m", __spec__.name, "--measure", what, "--count", str(count)]
    measured: dict[str, float] = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
    return measured


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", choices=("merge", "spill"))
    parser.add_argument("--count", type=int, default=MILLION)
    given = parser.parse_args()
    print(json.dumps(measure(given.measure, given.count) if given.measure else run()))


if __name__ == "__main__":
    main()
