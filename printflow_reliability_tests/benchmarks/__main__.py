"""`make bench`: every benchmark in turn, each in a sandbox of its own that is removed afterwards; one table at the end.

It needs nothing beyond what set-up installs. No time is asserted: the machines are noisy, so look at the ratios.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from printflow_reliability.console import say, table
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.up import down
from printflow_reliability_tests.benchmarks import (
    chaos,
    continuity,
    drill,
    dump,
    guard,
    idle,
    page,
    reconcile,
    sweep,
    tenant,
    under_load,
    verification,
)

T = TypeVar("T")


def main() -> None:
    """Run what was asked for, and print what was measured side by side."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000, help="objects and references to reconcile")
    parser.add_argument("--megabytes", type=int, default=1000, help="megabytes in each cluster to drill with")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of a database to dump")
    parser.add_argument("--segments", type=int, default=100_000, help="WAL segments of an archive to judge")
    parser.add_argument("--orders", type=int, default=10_000, help="open paid orders for one look of the guard")
    parser.add_argument("--tenants", type=int, default=2000, help="tenants of which one is reconciled")
    parser.add_argument("--files", type=int, default=100, help="print files to inspect")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, of which the median counts")
    parser.add_argument("--pages", type=int, default=20, help="orders without artwork in each scenario of a page")
    parser.add_argument("--seed", type=int, default=1, help="what is killed when in chaos")
    parser.add_argument(
        "--only",
        choices=(
            "reconcile",
            "tenant",
            "sweep",
            "drill",
            "verification",
            "continuity",
            "dump",
            "load",
            "guard",
            "page",
            "chaos",
            "idle",
        ),
        help="leave the others out",
    )
    given = parser.parse_args()
    rows = []
    if given.only in (None, "reconcile"):
        found = _in_own_sandbox(lambda: reconcile.run(given.objects, given.rounds))
        memory = f"{found['reconcile_rss_mb']:.0f} MB, LIST {found['list_rss_mb']:.0f} MB"
        rows.append(
            _row(f"reconcile {given.objects:,}", found, ("reconcile_seconds", "list_seconds"), "bare LIST", memory)
        )
    if given.only in (None, "tenant"):
        measured = _in_own_sandbox(lambda: tenant.run(given.tenants, given.rounds))
        for name, key in (("", "healthy"), (", with an orphan", "orphan")):
            found = {**measured, "ratio": measured[key] / measured["scan"]}
            rows.append(
                _row(f"one of {given.tenants:,} tenants{name}", found, (key, "scan"), "one scan of all rows", "-")
            )
    if given.only in (None, "sweep"):
        found = _in_own_sandbox(lambda: sweep.run(given.files, given.rounds))
        rows.append(
            _row(f"sweep of {given.files:,} PDFs", found, ("sweep_seconds", "qpdf_seconds"), "parallel qpdf", "-")
        )
    if given.only in (None, "drill"):
        found = _in_own_sandbox(lambda: drill.run(given.megabytes, given.rounds))
        rows.append(
            _row(
                f"drill of 2 x {given.megabytes} MB",
                found,
                ("drill_wall_seconds", "raw_wall_seconds"),
                "its commands in a script",
                "-",
            )
        )
    if given.only in (None, "verification"):
        found = _in_own_sandbox(lambda: verification.run(given.megabytes, given.rounds))
        times = f"{found['ours_seconds']:.2f} s", f"{found['theirs_seconds']:.2f} s", f"{found['ratio']:.2f}"
        shares = f"reads {found['second_pass_share']:.1%}, a day on average {found['daily_share']:.1%}"
        rows.append((f"verification, unchanged ({shares})", *times, "pgbackrest verify", "-"))
    if given.only in (None, "dump"):
        found = _in_own_sandbox(lambda: dump.run(given.rows, given.rounds))
        seconds = f"{found['dump_seconds']:.2f} s", f"{found['bare_seconds']:.2f} s"
        speed, memory = f"{found['throughput']:.2f} of its speed", f"{found['rss_mb']:.0f} MB"
        rows.append((f"dump of {given.rows:,} rows", *seconds, speed, "pg_dump | zstd > file", memory))
    if given.only in (None, "continuity"):
        found = _in_own_sandbox(lambda: continuity.run(given.segments, given.rounds))
        beyond = f"{found['beyond_seconds']:.2f} s beyond"
        seconds = f"{found['ours_seconds']:.2f} s", f"{found['theirs_seconds']:.2f} s"
        rows.append((f"continuity of {given.segments:,} segments", *seconds, beyond, "pgbackrest repo-ls", "-"))
    if given.only in (None, "load"):
        _in_own_sandbox(lambda: under_load.run(given.rounds))
    if given.only in (None, "guard"):
        found = _in_own_sandbox(lambda: guard.run(given.orders, given.rounds))
        looks = f"{found['first_seconds']:.2f} s", f"{found['again_seconds']:.2f} s"
        rows.append((f"guard {given.orders:,} orders", *looks, "-", "the second look", "-"))
    if given.only in (None, "page"):
        for name, worst, median, untold in _in_own_sandbox(lambda: page.run(given.pages)):
            rows.append(
                (f"paid to page, {name}", f"{worst:.1f} s", f"{median:.1f} s", "-", "the median", f"{untold} untold")
            )
    if given.only in (None, "chaos"):
        _in_own_sandbox(lambda: chaos.run(orders=500, seconds=300, seed=given.seed))
    if given.only in (None, "idle"):
        found = _in_own_sandbox(lambda: idle.run(seconds=180))
        more = f"{found['ours'] - found['bare']:+.1f} points"
        rows.append(
            ("idle daemon", f"{found['ours']:.1f} %", f"{found['bare']:.1f} %", more, "one trivial sensor", "-")
        )
    say()
    table(("", "ours", "theirs", "ratio", "compared with", "peak memory"), rows)


def _row(name: str, found: Mapping[str, float], keys: tuple[str, str], other: str, memory: str) -> tuple[str, ...]:
    product, compared = (found[key] for key in keys)
    return name, f"{product:.2f} s", f"{compared:.2f} s", f"{found['ratio']:.2f}", other, memory


def _in_own_sandbox(benchmark: Callable[[], T]) -> T:
    with tempfile.TemporaryDirectory(prefix="pf-bench-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)  # the servers' user must get in
        os.environ["PRINTFLOW_HOME"] = str(Path(directory) / "sb")
        try:
            return benchmark()
        finally:
            down(SandboxHome.locate(), remove=True)


if __name__ == "__main__":
    main()
