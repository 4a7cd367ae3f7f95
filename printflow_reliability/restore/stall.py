"""Notices a replay in which nothing moves: a restore_command that hangs would be waited for until the time limit.

PostgreSQL says in its process title which segment it recovers, and in its log what else it is at. If neither changes
for long, the clone is ended, and what it was waiting for is told.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.clone import Clone

PROC = Path("/proc")
LOOKS = 10
"""How often to look within the time that nothing may move for."""


@contextmanager
def stall_noticed(clone: Clone, seconds: float) -> Iterator[None]:
    """End the clone if its replay stands still for so many seconds while the block runs.

    Raises:
        CouldNotTell: it did, instead of whatever the block then raised.
    """
    over = threading.Event()
    stalled: list[str] = []

    def watch() -> None:
        seen, since = "", time.monotonic()
        while not over.wait(min(1.0, seconds / LOOKS)):
            now = state(clone)
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > seconds:
                stalled.append(waiting_for(clone))
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
        raise CouldNotTell(
            f"nothing moved in the replay of {clone.cluster.name} for {seconds:.0f} s; it was at: {stalled[0]}\n"
            f"{clone.log_tail()}",
            "does the repository's server answer? drills.stall_seconds is how long that may last",
        )


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
