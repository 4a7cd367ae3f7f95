"""Leaves nothing behind: ends a drill's processes and removes its directory, also of a drill that was killed.

A process belongs to a clone if it works in the clone's directory or names it in its arguments; the directory is the
drill's own, so nothing else can. No list of pids is kept: a drill killed a moment too early would not have written it.
"""

import errno
import logging
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.paths import is_directory, is_there
from printflow_reliability.records.session import RecordsSession
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)

LOCK = "restore drill"
"""The records' lock of whoever makes clones: one at a time, since the next one removes what the last one left."""
MARKER = "drill.json"
"""What tells a drill's directory from anything else that somebody may have put beside it."""
PROGRAMS = frozenset(
    {
        *("postgres", "pg_ctl", "pgbackrest", "pg_amcheck", "pg_checksums", "pg_waldump"),
        *("pg_basebackup", "pg_verifybackup"),
    }
)
SCRIPT = re.compile(r"/bin/sh\0[^\0]*/restore_wal\.sh\0")
"""The arguments of the shell that fetches WAL for a clone; any other shell that works there is a person's."""
ANOTHER = "name another directory (--into, or drills.directory in printflow.toml)"
END_SECONDS = 15.0
CHANGED_MEANWHILE = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT)
"""What a removal meets where somebody still writes: a copy whose shell was killed ends by itself, soon."""
PROC = Path("/proc")


def make(place: Path, settings: Settings) -> Path:
    """Make the directory of a drill or a recovery, marked as one that may be removed again; its resolved path.

    Raises:
        ConfigError: it exists, or cannot be made.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise ConfigError(f"{place.parent} cannot be made: {refused.strerror}", ANOTHER) from None
    try:
        place.mkdir(mode=0o711)
    except FileExistsError:
        raise ConfigError(f"{place} exists already, and nothing there is overwritten", ANOTHER) from None
    except OSError as refused:
        raise ConfigError(f"{place} cannot be made: {refused.strerror}", ANOTHER) from None
    try:
        settings.runner().own(place)
        (place / MARKER).write_text(f'{{"pid": {os.getpid()}}}\n', encoding="utf-8")
    except OSError as refused:
        shutil.rmtree(place)
        raise ConfigError(f"{place} cannot be written to: {refused.strerror}", f"make room, or {ANOTHER}") from None
    return place.resolve()


def reap(directory: Path) -> tuple[int, ...]:
    """Remove what killed drills left below the drills' directory; only call it while holding the drill's lock.

    Returns the ids of the drills that were found.

    Raises:
        CouldNotTell: something of it cannot be ended or removed.
    """
    found = []
    for place in drills_in(directory):
        log.warning("drill %s was killed; removing what it left", place.name)
        remove(place)
        found.append(int(place.name))
    return tuple(found)


def drills_in(directory: Path) -> tuple[Path, ...]:
    """The directories of drills below the drills' directory: of one that runs, and of those that were killed."""
    return tuple(
        place
        for place in (sorted(directory.iterdir()) if is_directory(directory) else ())
        # One that is empty was killed as its marker was to be written, or had just been removed.
        if place.name.isdigit() and ((place / MARKER).is_file() or (place.is_dir() and not any(place.iterdir())))
    )


def reap_killed(settings: Settings) -> tuple[int, ...]:
    """Remove what killed drills left, unless a drill or a recovery is running: that one did so as it began.

    Returns the ids of the drills whose copy of production was removed.

    Raises:
        ConfigError: the records are not those of this program.
        CouldNotTell: the records do not answer, or something cannot be ended or removed.
    """
    with RecordsSession(settings.records, LOCK):
        return reap(settings.drills.directory)


def remove(place: Path) -> None:
    """End every process of a drill and remove its directory.

    Raises:
        CouldNotTell: a process does not end, or a file cannot be removed.
    """
    deadline = time.monotonic() + END_SECONDS
    while True:
        end_processes(place)
        try:
            _remove_files(place)
            return
        except OSError as refused:
            if refused.errno not in CHANGED_MEANWHILE or time.monotonic() > deadline:
                raise CouldNotTell(
                    f"the drill's directory {place} cannot be removed: {refused}", f"rm -r {place}"
                ) from None
            time.sleep(0.1)


def _remove_files(place: Path) -> None:
    if not is_there(place):
        return
    # The marker goes last: without it, what a killed removal leaves would be nobody's to remove.
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)  # it removes symlinks, such as tablespaces', and does not follow them
        elif entry.name != MARKER:
            entry.unlink()
    shutil.rmtree(place)


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
            told = os.fsdecode((entry / "cmdline").read_bytes())
            program = (entry / "exe").readlink().name.removesuffix(" (deleted)")
            if program not in PROGRAMS and not SCRIPT.match(told):
                continue
            state = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            where = str((entry / "cwd").readlink()).removesuffix(" (deleted)") + "/"
        except (OSError, IndexError):
            continue  # it has ended, or it is another user's: then it is none of ours
        if state not in ("Z", "X") and (where.startswith(below) or below in told):
            yield int(entry.name)
