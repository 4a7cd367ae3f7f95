"""The sweep against `qpdf --check` of the same files, a process for each core: seconds of each, and their ratio.

The sweep starts with an empty ledger, fetches each file from S3, judges it in the isolated worker and records the
verdict. qpdf finds the same files on the disk, so what it is spared is to its advantage.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import obstore

from printflow_reliability.pdf.sweep import sweep
from printflow_reliability.sandbox.home import SandboxHome, write
from printflow_reliability.sandbox.pdfs import print_pdf
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import Settings, load
from printflow_reliability.storage.clients import s3_store
from printflow_reliability_tests.benchmarks.reconcile import CATALOG, refer, writable

TENANT = "0b9ac7a4-6a4e-5d3f-9d5a-0c6f0f2b6f11"
IN_FLIGHT = 16


def run(files: int, rounds: int) -> dict[str, float]:
    """Fill the sandbox, measure both in turn, print and return the medians in seconds."""
    home = SandboxHome.locate()
    up(home)
    contents = {f"tenants/{TENANT}/orders/{n}/print-ready.pdf": print_pdf(n, pages=2) for n in range(files)}
    asyncio.run(_upload(home, contents))
    refer(home, list(contents))
    config = home.path("bench.toml")
    write(config, home.config.read_text(encoding="utf-8").partition("\n[tenancy]")[0] + CATALOG, mode=0o600)
    paths = _saved(home.path("bench-pdfs"), list(contents.values()))
    settings = load(config)
    results: dict[str, list[float]] = {"sweep": [], "qpdf": []}
    for _ in range(rounds):
        results["sweep"].append(_sweep(settings, files))
        results["qpdf"].append(_qpdf(paths))
        print(f"sweep {results['sweep'][-1]:8.2f} s  qpdf {results['qpdf'][-1]:8.2f} s", flush=True)
    sweep_seconds, qpdf_seconds = (statistics.median(measured) for measured in results.values())
    print(f"{files:,} files, median of {rounds}: ratio {sweep_seconds / qpdf_seconds:.2f}")
    return {"ratio": sweep_seconds / qpdf_seconds, "sweep_seconds": sweep_seconds, "qpdf_seconds": qpdf_seconds}


def _sweep(settings: Settings, files: int) -> float:
    """One sweep that knows no file.

    Raises:
        RuntimeError: it did not fetch every file, or called one of them bad.
    """
    began = time.perf_counter()
    report = sweep(settings, everything=True)
    seconds = time.perf_counter() - began
    if not report.ok or (report.checked, report.unchanged) != (files, 0):
        raise RuntimeError(f"the sweep is no measurement: {report.checks[0].detail}")
    return seconds


def _qpdf(paths: Sequence[Path]) -> float:
    """`qpdf --check` of each file, as many at a time as there are cores."""
    xargs, qpdf = (str(shutil.which(program)) for program in ("xargs", "qpdf"))
    began = time.perf_counter()
    subprocess.run(
        [xargs, "-0", "-n1", "-P", str(os.cpu_count() or 1), qpdf, "--check"],
        input="\0".join(map(str, paths)).encode(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def _saved(directory: Path, contents: Sequence[bytes]) -> list[Path]:
    directory.mkdir()
    paths = [directory / f"{number}.pdf" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


async def _upload(home: SandboxHome, contents: dict[str, bytes]) -> None:
    store, left = s3_store(writable(home)), iter(contents.items())

    async def put() -> None:
        for key, content in left:
            await obstore.put_async(store, key, content)

    await asyncio.gather(*(put() for _ in range(IN_FLIGHT)))
