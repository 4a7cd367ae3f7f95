"""Notices a replay in which nothing moves: a restore_command that hangs would be waited for until the time limit.

PostgreSQL says in its process title which segment it recovers, and in its log what else it is at. If neither changes
for long, or the repository's server is silent meanwhile, the clone is ended, and what it was waiting for is told.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.programs import Watches
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.clone import Clone

PROC = Path("/proc")
LOOKS = 10
"""How often to look within the time that nothing may move for."""
WAITING_SECONDS = 10.0
"""How long nothing moves before the repository's server is asked whether it is there, and how often then."""


@contextmanager
def stall_noticed(clone: Clone, seconds: float, silence: Watches) -> Iterator[None]:
    """End the clone if its replay stands still for so many seconds while the block runs.

    Args:
        clone: the clone.
        seconds: how long nothing may move.
        silence: what notices that the repository's server, which the clone fetches WAL from, is silent.

    Raises:
        CouldNotTell: it did, or it waits for a silent server, instead of whatever the block then raised.
    """
    over = threading.Event()
    stalled: list[CouldNotTell] = []

    def watch() -> None:
        seen, since, asked = "", time.monotonic(), time.monotonic()
        while not over.wait(min(1.0, seconds / LOOKS)):
            now = state(clone)
            if now != seen:
                seen, since, asked = now, time.monotonic(), time.monotonic()
            elif time.monotonic() - since > seconds:
                stalled.append(_stalled(clone, seconds))
            elif time.monotonic() - asked > WAITING_SECONDS:
                stalled.extend(_silent(clone, silence))
                asked = time.monotonic()
            if stalled:
                reaper.end_processes(clone.place)
                return

    watcher = threading.Thread(target=watch, name=f"stall {clone.cluster.name}", daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        if not stalled:
            raise
    finally:
        over.set()
        watcher.join()
    if stalled:
        raise stalled[0]


def _stalled(clone: Clone, seconds: float) -> CouldNotTell:
    return CouldNotTell(
        f"nothing moved in the replay of {clone.cluster.name} for {seconds:.0f} s; it was at: {waiting_for(clone)}\n"
        f"{clone.log_tail()}",
        "does the repository's server answer? drills.stall_seconds is how long that may last",
    )


def _silent(clone: Clone, silence: Watches) -> Iterator[CouldNotTell]:
    """What there is to say of the server that the clone fetches WAL from; nothing where it answers."""
    try:
        for watch in silence:
            watch()
    except CouldNotTell as silent:
        yield CouldNotTell(f"the replay of {clone.cluster.name} waits for WAL: {silent.what}", silent.next_step)


def state(clone: Clone) -> str:
    """What changes while a replay gets on: what the startup process is at, and how much was logged."""
    titles = sorted(title for title in _titles(clone) if "startup" in title)
    return f"{titles} {len(clone.log_text())}"


def waiting_for(clone: Clone) -> str:
    """What the clone's processes are at, for a person."""
    titles = [title for title in _titles(clone) if "startup" in title or "archive-get" in title]
    return "; ".join(" ".join(title.split())[:120] for title in titles) or "nothing that can be seen"


def _titles(clone: Clone) -> list[str]:
    found = []
    for pid in reaper.processes_in(clone.place):
        try:
            found.append((PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return found
