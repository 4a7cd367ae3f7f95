"""Continuity of a long WAL archive beside the bare listing of the same archive by `pgbackrest repo-ls`.

Both in turn, on a sandbox of the benchmark's own (PRINTFLOW_HOME): a cluster with a base backup, whose archive is
filled with as many consecutive segments as asked for. Continuity is judged by names, so the files are small.
"""

import asyncio
import hashlib
import statistics
import time
from collections.abc import Iterator

from printflow_reliability.backups.archive import parse_archive
from printflow_reliability.backups.base_backup import take_base_backups
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.repository_wal import ArchiveContext, RepositoryWal, verify_repository_wal
from printflow_reliability.backups.segment import DEFAULT_SEGMENT_BYTES, Segment, parse_segment
from printflow_reliability.backups.taken import BackupRequest
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.sandbox.up import up
from printflow_reliability.settings import load
from printflow_reliability_tests.benchmarks.reconcile import upload

CLUSTER, REPOSITORY, BUCKET = "live_db", 1, "pgbackrest-repo1"


def run(segments: int, rounds: int) -> dict[str, float]:
    """Fill the archive, measure both in turn, print and return medians in seconds."""
    home = SandboxHome.locate()
    up(home)
    settings = load(home.config)
    cluster = next(cluster for cluster in settings.cluster if cluster.name == CLUSTER)
    pgbackrest = PgBackRest(cluster, settings.runner())
    report = take_base_backups(settings, BackupRequest((CLUSTER,), type="full"))
    if bad := [check.detail for check in report.checks if check.outcome is Outcome.FAIL]:
        raise CouldNotTell(f"the base backup failed: {bad}")
    folder = f"repo{REPOSITORY}/archive/{CLUSTER}"
    keys = [f"{folder}/{path}" for path in _following(pgbackrest, segments)]
    asyncio.run(upload(seaweedfs.bucket(home, BUCKET, "admin"), keys, b"small"))
    listed, judged = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        pgbackrest.repo_ls(f"archive/{CLUSTER}", REPOSITORY)
        listed.append(time.perf_counter() - began)
        began = time.perf_counter()
        found = _whole(verify_repository_wal(pgbackrest, REPOSITORY, ArchiveContext()), segments)
        judged.append(time.perf_counter() - began)
        print(f"listing {listed[-1]:.2f} s, continuity of {found.segments_checked:,} {judged[-1]:.2f} s", flush=True)
    ours, theirs = statistics.median(judged), statistics.median(listed)
    beyond = statistics.median(mine - bare for mine, bare in zip(judged, listed, strict=True))
    print(f"continuity of {segments:,} segments, median of {rounds}: {beyond:.2f} s beyond the listing", flush=True)
    return {"ours_seconds": ours, "theirs_seconds": theirs, "beyond_seconds": beyond, "ratio": ours / theirs}


def _following(pgbackrest: PgBackRest, count: int) -> Iterator[str]:
    """Where the next segments after the newest one are stored, below the stanza's archive."""
    (archive,) = parse_archive(pgbackrest.repo_ls(f"archive/{CLUSTER}", REPOSITORY)).values()
    newest = parse_segment(max(archive.segments), DEFAULT_SEGMENT_BYTES)
    for number in range(newest.number + 1, newest.number + 1 + count):
        name = Segment(newest.timeline, number).name(DEFAULT_SEGMENT_BYTES)
        content = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
        yield f"{archive.archive_id}/{name[:16]}/{name}-{content}.zst"


def _whole(found: RepositoryWal, segments: int) -> RepositoryWal:
    if found.verdict is not Outcome.PASS or found.segments_checked < segments:
        raise CouldNotTell(f"the archive is not judged whole: {found}")
    return found
