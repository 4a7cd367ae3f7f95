"""Every page of a stopped clone against its checksum, by PostgreSQL's own pg_checksums."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from printflow_reliability.checks import CheckResult
from printflow_reliability.errors import PrintflowError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.validation.observations import check_result, note, shown, unknown, violation, warning
from printflow_reliability.text import agreed, counted

CHECK = "drill.checksums"
BAD = re.compile(r'checksum verification failed in file "\./([^"]+)", block (\d+)')
BAD_PAGES = re.compile(r"Bad checksums:\s+(\d+)")
SCANNED = re.compile(r"Blocks scanned:\s+(\d+)")
UNREADABLE = re.compile(r'could not (?:read block \d+ in|open|read) file "\./([^"]+)": (?!Permission denied)')
SCANNED_DIRECTORIES = ("base", "global", "pg_tblspc")
POSTGRESQLS = re.compile(
    r"(?:\d+|t\d+_\d+)(?:_(?:fsm|vm|init))?(?:\.\d+)?|pg_control|pg_filenode\.map|pg_internal\.init.*|PG_VERSION"
)
"""The names of PostgreSQL's own files in those."""
TEMPORARY = "pgsql_tmp"


@dataclass(frozen=True)
class Scan:
    """What pg_checksums said of one clone; `blocks` is None without checksums or where `problem` says why.

    `strangers` are files that are not PostgreSQL's.
    """

    cluster: str
    blocks: int | None
    bad: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    problem: str = ""


def check_pages(clones: Sequence[Clone], *, timeout: float, give_up: Callable[[], None]) -> CheckResult:
    """Check clones that are stopped in good order, in recovery or not."""
    scans = run_parallel([partial(_scan, clone, timeout) for clone in clones], give_up=give_up)
    bad = [page for scan in scans for page in scan.bad]
    observations = [violation(f"{_pages(len(bad))} damaged: {shown(bad)}")] if bad else []
    strangers = [file for scan in scans for file in scan.strangers]
    observations += [note(f"not PostgreSQL's, and left out: {shown(strangers)}")] if strangers else []
    observations += [unknown(scan.problem) for scan in scans if scan.problem]
    for scan in scans:
        if scan.blocks is None and not scan.problem:
            text = f"{scan.cluster} has no page checksums, so damage on disk goes unnoticed"
            observations.append(warning(f"{text}. Next: pg_checksums --enable", scan.cluster))
    numbers = {"pages": sum(scan.blocks or 0 for scan in scans), "bad_pages": len(bad)}
    well = f"{counted(numbers['pages'], 'page')} checked: each has its checksum" if numbers["pages"] else ""
    return check_result(CHECK, observations, numbers, well)


def parse(text: str) -> tuple[int | None, list[str]]:
    """The number of pages scanned, and a phrase for each bad page or file."""
    scanned, counted = SCANNED.search(text), BAD_PAGES.search(text)
    bad = [f"{file} page {block}" for file, block in BAD.findall(text)]
    bad += [f"{file} (not readable)" for file in UNREADABLE.findall(text)]
    unnamed = int(counted[1]) - len(bad) if counted else 0
    bad += [f"{unnamed} more that pg_checksums counts"] if unnamed > 0 else []
    return (int(scanned[1]) if scanned else None), bad


def _scan(clone: Clone, timeout: float) -> Scan:
    name = clone.cluster.name
    # From within, since it prints paths, and what lies above may be called anything.
    argv = [clone.server_program("pg_checksums"), "--check", "--pgdata", "."]
    try:
        strangers = tuple(f"{name} {file}" for file in remove_strangers(clone.data))
        answer = clone.programs.run(argv, timeout=timeout, accept=(0, 1), cwd=clone.data)
    except OSError as refused:
        return Scan(name, None, problem=f"the files of the clone of {name} cannot be listed: {refused.strerror}")
    except PrintflowError as failed:
        return Scan(name, None, problem=f"pg_checksums could not check the clone of {name}: {failed.sentence}")
    blocks, bad = parse(answer.stdout + answer.stderr)
    pages = tuple(f"{name} {page}" for page in bad)
    if blocks is None and not bad and "not enabled" not in answer.stderr:
        problem = f"pg_checksums could not check the clone of {name}: {' '.join(answer.stderr.split())}"
        return Scan(name, None, (), strangers, problem)
    if blocks is None and bad:
        # It ends at the first file that it cannot read.
        return Scan(name, None, pages, strangers, f"the files of {name} after {bad[-1]} were not checked")
    return Scan(name, blocks, pages, strangers)


def remove_strangers(data: Path) -> list[str]:
    """Remove what somebody has put among a clone's relations: pg_checksums takes it for one and ends there.

    Raises:
        OSError: a directory cannot be read, or a file not be removed.
    """
    found = []
    for top in SCANNED_DIRECTORIES:
        # A clone's tablespaces lie in its own directory.
        for folder, folders, files in os.walk(data / top, followlinks=True):
            folders[:] = [name for name in folders if name != TEMPORARY]
            for file in files:
                if not POSTGRESQLS.fullmatch(file) and not file.startswith(TEMPORARY):
                    path = Path(folder, file)
                    path.unlink()
                    found.append(str(path.relative_to(data)))
    return sorted(found)


def _pages(count: int) -> str:
    return f"{counted(count, 'page')} {agreed(count, 'is', 'are')}"
