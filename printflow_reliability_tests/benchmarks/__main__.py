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
    files,
    guard,
    idle,
    offline,
    other_ways,
    page,
    reconcile,
    scale,
    sweep,
    tenant,
    under_load,
    verification,
)

T = TypeVar("T")
FINDINGS = 112_000
"""Objects of which more than 100,000 are findings, as orphans and as mismatches."""


def main() -> None:
    """Run what was asked for, and print what was measured side by side."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--objects", type=int, default=300_000, help="objects and references to reconcile")
    parser.add_argument("--findings", type=int, default=FINDINGS, help="objects of which nearly all are findings")
    parser.add_argument("--million", type=int, default=offline.MILLION, help="files: keys that count as a million")
    parser.add_argument("--megabytes", type=int, default=1000, help="megabytes in each cluster to drill with")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of a database to dump")
    parser.add_argument("--segments", type=int, default=100_000, help="WAL segments of an archive to judge")
    parser.add_argument("--orders", type=int, default=10_000, help="open paid orders for one look of the guard")
    parser.add_argument("--tenants", type=int, default=2000, help="tenants of which one is reconciled")
    parser.add_argument("--files", type=int, default=100, help="print files to inspect")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, of which the median counts")
    parser.add_argument("--pages", type=int, default=20, help="orders without artwork in each scenario of a page")
    parser.add_argument("--page-seconds", type=float, default=0.1, help="scale: that your store takes for a page")
    parser.add_argument("--requests", type=int, default=8, help="scale: requests side by side (listing_requests)")
    parser.add_argument("--window-hours", type=float, default=8.0, help="scale: that a pass may take")
    parser.add_argument("--seed", type=int, default=1, help="what is killed when in chaos")
    parser.add_argument(
        "--only",
        choices=(
            "files",
            "reconcile",
            "offline",
            "findings",
            "scale",
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
    if given.only == "files":  # what the next three measure, in one table
        _in_own_sandbox(lambda: files.run(given.objects, given.findings, given.million, given.rounds))
    if given.only in (None, "reconcile"):
        found = _in_own_sandbox(lambda: reconcile.run(given.objects, given.rounds))
        rows += _reconcile_rows(found, given.objects)
    if given.only in (None, "offline"):
        found = offline.run()
        rows += _offline_rows(found)
    if given.only in (None, "findings"):
        found = _in_own_sandbox(lambda: reconcile.run(given.findings, 1, ("orphans", "mismatched")))
        rows += [_findings_row(found, way) for way in ("orphans", "mismatched")]
    if given.only in (None, "scale"):
        inputs = scale.Inputs(given.page_seconds, given.requests, given.window_hours * 3600)
        _in_own_sandbox(lambda: scale.run(given.objects, given.rounds, inputs))
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
    if not rows:
        return
    say()
    table(("", "ours", "theirs", "ratio", "compared with", "peak memory"), rows)


def _reconcile_rows(found: Mapping[str, float], objects: int) -> list[tuple[str, ...]]:
    memory = f"{found['reconcile_rss_mb']:.0f} MB, LIST {found['list_rss_mb']:.0f} MB"
    keys = ("reconcile_seconds", "list_seconds")
    rows = [_row(f"reconcile {objects:,}", found, keys, "bare LIST", memory)]
    cpu = f"{found['reconcile_cpu_us']:.1f} us", f"{found['list_cpu_us']:.1f} us", f"{found['beyond_us']:.1f} us beyond"
    rows.append(("  client CPU a key", *cpu, "bare LIST", "-"))
    others = {"head": f"HEAD a key, extrapolated from {other_ways.SAMPLE:,}", "rclone": "rclone lsf, sort, comm"}
    for way, name in others.items():
        if f"{way}_seconds" not in found:
            rows.append((f"  beside {name}", "-", "not installed", "-", "-", "-"))
            continue
        compared = {**found, "ratio": found["reconcile_seconds"] / found[f"{way}_seconds"]}
        used = f"{found[f'{way}_rss_mb']:.0f} MB, {found[f'{way}_cpu_us']:.1f} us a key"
        rows.append(_row("  beside", compared, ("reconcile_seconds", f"{way}_seconds"), name, used))
    return rows


def _findings_row(found: Mapping[str, float], way: str) -> tuple[str, ...]:
    name = f"findings: {found[f'{way}_findings']:,.0f} {way}"
    heads, memory = f"{found[f'{way}_heads']:,.0f} HEADs", f"{found[f'{way}_rss_mb']:.0f} MB"
    return name, f"{found[f'{way}_seconds']:.2f} s", "-", heads, "-", memory


def _offline_rows(found: Mapping[str, float]) -> list[tuple[str, ...]]:
    first, last = offline.MERGED[0], offline.MERGED[-1]
    seconds = [f"{found[f'merge_{count}_seconds']:.2f} s" for count in (last, first)]
    growth = f"{found['growth_seconds']:+.1%} a million"
    memory = f"{found[f'merge_{last}_rss_mb']:.0f} MB, {first} million {found[f'merge_{first}_rss_mb']:.0f} MB"
    spill = f"{found['spill_seconds']:.2f} s", "-", "-", "-", f"{found['spill_rss_mb']:.0f} MB"
    return [
        (f"merge of {last} million, a million", *seconds, growth, f"of {first} million", memory),
        ("1 million keys out of order", *spill),
    ]


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
