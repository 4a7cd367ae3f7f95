"""Verification of an unchanged repository beside `pgbackrest verify`, and the share of its bytes that it reads.

Both in turn, on a sandbox of the benchmark's own (PRINTFLOW_HOME) whose clusters hold as many megabytes as asked for.
"""

import statistics
import time

from printflow_reliability.backups.integrity import IntegrityReport, verify_repositories
from printflow_reliability.backups.ledger.due_pass import list_stored
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.records.database import open_records
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import Settings, load
from printflow_reliability_tests.benchmarks.drill import fill

DAYS = 7
A_DAY_LATER = "UPDATE repository_files SET read_at = read_at - interval '1 day'"


def run(megabytes: int, rounds: int) -> dict[str, float]:
    """Fill and back up the sandbox, verify in turns, print and return medians in seconds and shares of all bytes."""
    home = SandboxHome.locate()
    up(home)
    settings = load(home.config)
    fill(home, settings, megabytes)
    stored = _stored_bytes(settings)
    first = _verified(settings)
    print(f"first pass over {stored / 1e6:,.0f} MB: {first.numbers}", flush=True)
    ours, theirs, again, days = [], [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        report = _verified(settings)
        ours.append(time.perf_counter() - began)
        again.append(report.numbers["bytes_read"] / stored)
        theirs.append(_pgbackrest_verify(settings))
    for _ in range(DAYS):
        with open_records(settings.records) as records:
            records.execute(A_DAY_LATER)
        days.append(_verified(settings).numbers["bytes_read"] / stored)
    found = {
        "ours_seconds": statistics.median(ours),
        "theirs_seconds": statistics.median(theirs),
        "second_pass_share": max(again),
        "daily_share": statistics.mean(days),
        "ratio": statistics.median(ours) / statistics.median(theirs),
    }
    print(
        f"verification of {stored / 1e6:,.0f} MB unchanged, median of {rounds}: {found}; on days after it: {days}",
        flush=True,
    )
    return found


def _verified(settings: Settings) -> IntegrityReport:
    report = verify_repositories(settings)
    if bad := [check.detail for check in report.checks if check.outcome is not Outcome.PASS]:
        raise CouldNotTell(f"the verification did not pass: {bad}")
    return report


def _pgbackrest_verify(settings: Settings) -> float:
    """Seconds that pgBackRest takes for all repositories, one after the other."""
    began = time.perf_counter()
    for cluster in settings.cluster:
        for number in cluster.repositories:
            PgBackRest(cluster, settings.runner()).verify(number, timeout=3600)
    return time.perf_counter() - began


def _stored_bytes(settings: Settings) -> int:
    return sum(
        list_stored(PgBackRest(cluster, settings.runner()), number).bytes
        for cluster in settings.cluster
        for number in cluster.repositories
    )
