"""Processes, told apart for certain.

A pid alone may be somebody else's by now, so a process's start time and the machine's boot always go with it.
"""

import os
import re
import signal
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SERVER_PROGRAMS = frozenset({"postgres", "initdb", "pgbackrest", "redis-server", "redis-check-rdb", "weed"})
OUR_PROGRAMS = {"python": "printflow_reliability.sandbox.", "node": "/pdf_service/service.js"}
"""What runs the sandbox's own code, and what its arguments then name."""


@dataclass(frozen=True)
class Process:
    """A process: its program's name, where it is, and its arguments with zero bytes between them."""

    pid: int
    program: str
    directory: str
    arguments: str

    def below(self, place: Path) -> bool:
        """Whether it works below that place: is there, or names it in an argument."""
        named = re.compile(rf"(^|[\0=]){re.escape(str(place))}(/|\0|$)")
        return bool(named.match(self.directory) or named.search(self.arguments))


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


def working_in(root: Path) -> list[Process]:
    """The server programs, and the sandbox's own code, that work below a directory, whoever started them.

    A killed postmaster leaves backends, asynchronous archiving outlives its server, a killed drill leaves a clone.
    """
    found = []
    for pid in _pids():
        process = _process(pid)
        if process and process.below(root) and start_time(pid) is not None and _of_a_sandbox(process):
            found.append(process)
    return found


def _of_a_sandbox(process: Process) -> bool:
    if process.program in SERVER_PROGRAMS:
        return True
    return any(process.program.startswith(runs) and named in process.arguments for runs, named in OUR_PROGRAMS.items())


def descends_from(pid: int, ancestors: Collection[int]) -> bool:
    """Whether a process is one of these, or was started by one, directly or not."""
    while pid > 1:
        if pid in ancestors:
            return True
        fields = _stat(pid)
        pid = int(fields[1]) if fields else 0
    return False


def send(pids: Iterable[int], number: signal.Signals) -> None:
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


def _process(pid: int) -> Process | None:
    place = PROC / str(pid)
    try:
        program = (place / "exe").readlink().name.removesuffix(" (deleted)")
        directory = str((place / "cwd").readlink()).removesuffix(" (deleted)")
        return Process(pid, program, directory, os.fsdecode((place / "cmdline").read_bytes()))
    except OSError:
        return None  # it ended, or belongs to another user: then it is not ours


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third (the state) on; the second may hold spaces and brackets."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return []
