"""Every page of a stopped clone against its checksum, by PostgreSQL's own pg_checksums."""

import re
from collections.abc import Callable, Sequence
from functools import partial

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.clones.clone import Clone
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.programs import ProgramFailed

CHECK = "drill.checksums"
BAD = re.compile(r'checksum verification failed in file "[^"]*/data/([^"]+)", block (\d+)')
SCANNED = re.compile(r"Blocks scanned:\s+(\d+)")
SHOWN = 3


def check_pages(clones: Sequence[Clone], *, timeout: float, give_up: Callable[[], None]) -> CheckResult:
    """Check clones that are stopped in good order, in recovery or not."""
    try:
        found = at_once([partial(_check, clone, timeout) for clone in clones], give_up=give_up)
    except CouldNotTell as unknown:
        return CheckResult(CHECK, Outcome.UNKNOWN, unknown.sentence)
    without = [clone.cluster.name for clone, (blocks, _) in zip(clones, found, strict=True) if blocks is None]
    bad = [phrase for _, phrases in found for phrase in phrases]
    numbers = {"pages": sum(blocks or 0 for blocks, _ in found), "bad_pages": len(bad)}
    if bad:
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        return CheckResult(
            CHECK, Outcome.FAIL, f"{len(bad)} pages are damaged: {'; '.join(bad[:SHOWN])}{more}", numbers
        )
    if without:
        names = " and ".join(without)
        detail = f"{names} has no page checksums, so damage on disk goes unnoticed. Next: pg_checksums --enable"
        return CheckResult(CHECK, Outcome.WARN, detail, numbers)
    return CheckResult(CHECK, Outcome.PASS, f"{numbers['pages']:,} pages have their checksums", numbers)


def parse(text: str) -> tuple[int | None, list[str]]:
    """The number of pages scanned, and a phrase for each bad one."""
    scanned = SCANNED.search(text)
    return (int(scanned[1]) if scanned else None), [f"{file} page {block}" for file, block in BAD.findall(text)]


def _check(clone: Clone, timeout: float) -> tuple[int | None, list[str]]:
    argv = [clone.programs.postgres("pg_checksums"), "--check", "--pgdata", str(clone.data)]
    try:
        answer = clone.programs.run(argv, timeout=timeout, accept=(0, 1))
    except ProgramFailed as failed:
        raise CouldNotTell(f"pg_checksums could not check the clone of {clone.cluster.name}: {failed.what}") from None
    blocks, bad = parse(answer.stdout + answer.stderr)
    name = clone.cluster.name
    if blocks is None and "not enabled" not in answer.stderr:
        raise CouldNotTell(f"pg_checksums could not check the clone of {name}: {' '.join(answer.stderr.split())}")
    return blocks, [f"{name} {one}" for one in bad]
