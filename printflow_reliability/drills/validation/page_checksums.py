"""Every page of a stopped clone against its checksum, by PostgreSQL's own pg_checksums."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from printflow_reliability.checks import CheckResult
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.clones.clone import Clone
from printflow_reliability.drills.validation.observations import check_result, shown, unknown, violation, warning
from printflow_reliability.errors import PrintflowError

CHECK = "drill.checksums"
BAD = re.compile(r'checksum verification failed in file "[^"]*/data/([^"]+)", block (\d+)')
SCANNED = re.compile(r"Blocks scanned:\s+(\d+)")
UNREADABLE = re.compile(r'could not (?:read block \d+ in|open|read) file "[^"]*/data/([^"]+)": (?!Permission denied)')


@dataclass(frozen=True)
class Scan:
    """What pg_checksums said of one clone; `blocks` is None without checksums or where `problem` says why."""

    cluster: str
    blocks: int | None
    bad: tuple[str, ...] = ()
    problem: str = ""


def check_pages(clones: Sequence[Clone], *, timeout: float, give_up: Callable[[], None]) -> CheckResult:
    """Check clones that are stopped in good order, in recovery or not."""
    scans = at_once([partial(_scan, clone, timeout) for clone in clones], give_up=give_up)
    bad = [page for scan in scans for page in scan.bad]
    observations = [violation(f"{_pages(len(bad))} damaged: {shown(bad)}")] if bad else []
    observations += [unknown(scan.problem) for scan in scans if scan.problem]
    for scan in scans:
        if scan.blocks is None and not scan.problem:
            text = f"{scan.cluster} has no page checksums, so damage on disk goes unnoticed"
            observations.append(warning(f"{text}. Next: pg_checksums --enable", scan.cluster))
    numbers = {"pages": sum(scan.blocks or 0 for scan in scans), "bad_pages": len(bad)}
    well = f"{numbers['pages']:,} pages have their checksums" if numbers["pages"] else ""
    return check_result(CHECK, observations, numbers, well)


def parse(text: str) -> tuple[int | None, list[str]]:
    """The number of pages scanned, and a phrase for each bad page or file."""
    scanned = SCANNED.search(text)
    bad = [f"{file} page {block}" for file, block in BAD.findall(text)]
    bad += [f"{file} (not readable)" for file in UNREADABLE.findall(text)]
    return (int(scanned[1]) if scanned else None), bad


def _scan(clone: Clone, timeout: float) -> Scan:
    name = clone.cluster.name
    argv = [clone.server_program("pg_checksums"), "--check", "--pgdata", str(clone.data)]
    try:
        answer = clone.programs.run(argv, timeout=timeout, accept=(0, 1))
    except PrintflowError as failed:
        return Scan(name, None, (), f"pg_checksums could not check the clone of {name}: {failed.sentence}")
    blocks, bad = parse(answer.stdout + answer.stderr)
    pages = tuple(f"{name} {page}" for page in bad)
    if blocks is None and not bad and "not enabled" not in answer.stderr:
        problem = f"pg_checksums could not check the clone of {name}: {' '.join(answer.stderr.split())}"
        return Scan(name, None, (), problem)
    if blocks is None and bad:
        # It ends at the first file that it cannot read.
        return Scan(name, None, pages, f"the files of {name} after {bad[-1]} were not checked")
    return Scan(name, blocks, pages)


def _pages(count: int) -> str:
    return "1 page is" if count == 1 else f"{count} pages are"
