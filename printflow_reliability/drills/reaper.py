"""Leaves nothing behind: ends a drill's processes and removes its directory, also of a drill that was killed.

A process belongs to a clone if it works in the clone's directory or names it in its arguments; the directory is the
drill's own, so nothing else can. No list of pids is kept: a drill killed a moment too early would not have written it.
"""

import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from printflow_reliability.errors import CouldNotTell

log = logging.getLogger(__name__)

MARKER = "drill.json"
"""What tells a drill's directory from anything else that somebody may have put beside it."""
PROGRAMS = frozenset({"postgres", "pg_ctl", "pgbackrest", "pg_amcheck", "pg_checksums"})
END_SECONDS = 15.0
PROC = Path("/proc")


def reap(directory: Path) -> tuple[int, ...]:
    """Remove what killed drills left below the drills' directory; only call it while holding the drill's lock.

    Returns the ids of the drills that were found.

    Raises:
        CouldNotTell: something of it cannot be ended or removed.
    """
    found = []
    for place in sorted(directory.iterdir()) if directory.is_dir() else ():
        if place.name.isdigit() and (place / MARKER).is_file():
            log.warning("drill %s was killed; removing what it left", place.name)
            remove(place)
            found.append(int(place.name))
    return tuple(found)


def remove(place: Path) -> None:
    """End every process of a drill and remove its directory.

    Raises:
        CouldNotTell: a process does not end, or a file cannot be removed.
    """
    end_processes(place)
    try:
        shutil.rmtree(place)  # it removes symlinks, such as tablespaces', and does not follow them
    except FileNotFoundError:
        return
    except OSError as refused:
        raise CouldNotTell(f"the drill's directory {place} cannot be removed: {refused}", f"rm -r {place}") from None


def end_processes(place: Path) -> None:
    """End every process of a drill: clones, restores, asynchronous archive-gets.

    A clone is thrown away, so there is no reason to let it shut down in good order.

    Raises:
        CouldNotTell: one does not end.
    """
    deadline = time.monotonic() + END_SECONDS
    while left := list(processes_in(place)):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            pids = ", ".join(map(str, left))
            raise CouldNotTell(f"processes {pids} of the drill in {place} do not end", f"ps -fp {pids}")
        time.sleep(0.02)


def processes_in(place: Path) -> Iterator[int]:
    """The living processes that work in a directory, or were told to."""
    below = f"{place}/"
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "exe").readlink().name.removesuffix(" (deleted)") not in PROGRAMS:
                continue
            state = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            where = str((entry / "cwd").readlink()).removesuffix(" (deleted)") + "/"
            told = os.fsdecode((entry / "cmdline").read_bytes())
        except (OSError, IndexError):
            continue  # it has ended, or it is another user's: then it is none of ours
        if state not in ("Z", "X") and (where.startswith(below) or below in told):
            yield int(entry.name)
