"""Processes, told apart for certain: a pid alone may be somebody else's by now, so its start time and boot go with it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
SERVER_PROGRAMS = frozenset({"postgres", "pgbackrest", "redis-server", "redis-check-rdb", "weed"})


def boot_id() -> str:
    """What distinguishes this run of the machine from the one before."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """When the process began, in the kernel's ticks since boot; None if there is none, or a dead one not yet reaped."""
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] not in ("Z", "X") else None


def session_members(session: int) -> list[int]:
    """The living processes of a session, its leader among them."""
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if fields and fields[0] not in ("Z", "X") and int(fields[3]) == session:
            found.append(pid)
    return found


def children(parent: int) -> list[int]:
    """The living processes that this one started itself."""
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if fields and fields[0] not in ("Z", "X") and int(fields[1]) == parent:
            found.append(pid)
    return found


def strays(root: Path) -> list[int]:
    """Server programs that work in this sandbox's directory, recorded or not.

    A killed postmaster leaves backends, asynchronous archiving outlives its server, and a killed drill leaves a clone:
    each has its working directory, or an argument, below the sandbox's own directory.
    """
    below = f"{root}/"
    found = []
    for pid in _pids():
        process = PROC / str(pid)
        try:
            if (process / "exe").readlink().name.removesuffix(" (deleted)") not in SERVER_PROGRAMS:
                continue
            where = str((process / "cwd").readlink()).removesuffix(" (deleted)") + "/"
            arguments = os.fsdecode((process / "cmdline").read_bytes())
        except OSError:
            continue  # it ended, or belongs to another user: then it is not ours
        if (where.startswith(below) or below in arguments) and start_time(pid) is not None:
            found.append(pid)
    return found


def send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def wait_gone(pid: int, started: int, seconds: float) -> bool:
    """Wait until that very process has ended; False if it has not."""
    deadline = time.monotonic() + seconds
    while start_time(pid) == started:
        _reap(pid)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _reap(pid: int) -> None:
    """Let a child of ours that has ended go; somebody else's child is init's to reap."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _pids() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third (the state) on; the second may hold spaces and brackets."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return []
