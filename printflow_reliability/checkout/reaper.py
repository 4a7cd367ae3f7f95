"""Ends every process of a browser: those that work in its directory or name it in their arguments.

Chromium leaves its parent's session and its crash handler leaves everything, so that no process group has them all. A
directory whose owner was killed is removed by whoever tries a checkout next.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

PREFIX = "printflow-checkout-"
MARKER = "owner.json"
END_SECONDS = 10.0
PROC = Path("/proc")


def make_directory() -> Path:
    """A directory of this process alone for a browser: its profile, its home, and what it gives us."""
    directory = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    owner = {"pid": os.getpid(), "started": _started(os.getpid())}
    (directory / MARKER).write_text(json.dumps(owner), encoding="utf-8")
    return directory


def reap_abandoned() -> None:
    """End and remove what checkouts left behind that were killed; those that run are left alone."""
    for directory in Path(tempfile.gettempdir()).resolve().glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or somebody else is at it
            if directory.stat().st_uid == os.geteuid() and not _owned(directory):
                remove(directory)


def remove(directory: Path) -> None:
    """End what works in a browser's directory, and remove it."""
    end_processes(directory)
    shutil.rmtree(directory, ignore_errors=True)


def end_processes(directory: Path, *, spare: int = 0) -> None:
    """Kill every process of a directory, until none is left; `spare` is a pid that lives on, and so do we."""
    deadline = time.monotonic() + END_SECONDS
    while (left := working_in(directory) - {spare, os.getpid()}) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def working_in(directory: Path) -> set[int]:
    """The living processes that are in the directory, or name it in an argument."""
    named = re.compile(rf"(^|[\0=]){re.escape(str(directory))}(/|\0|$)")
    found = set()
    for entry in PROC.iterdir():
        if entry.name.isdigit() and _started(int(entry.name)) is not None:
            with contextlib.suppress(OSError):
                place = str((entry / "cwd").readlink()).removesuffix(" (deleted)")
                arguments = os.fsdecode((entry / "cmdline").read_bytes())
                if named.match(place) or named.search(arguments):
                    found.add(int(entry.name))
    return found


def _owned(directory: Path) -> bool:
    """Whether the process that made the directory lives; a directory without its marker was just made."""
    try:
        owner = json.loads((directory / MARKER).read_text(encoding="utf-8"))
        return bool(owner["started"] is not None and _started(int(owner["pid"])) == owner["started"])
    except (FileNotFoundError, ValueError):
        return time.time() - directory.stat().st_mtime < END_SECONDS


def _started(pid: int) -> int | None:
    """When a process began, in ticks since boot; None where it has ended."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])
