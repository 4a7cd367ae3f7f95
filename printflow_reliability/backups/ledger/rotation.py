"""Which of the files that were read before are read again now, so that each is read again in time.

No I/O here. Each file has a last pass at which it must be read. Before that the oldest files are read first, as many as
keep an even pace: the whole repository in the days allowed, or faster where the limits of some files ask for it. So no
pass reads far more than its share, even where a whole repository was read in one day, and none reads ahead.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from printflow_reliability.backups.ledger.entries import LedgerEntry
from printflow_reliability.backups.recent import CLOCK_SKEW_SECONDS

PASS_EVERY = timedelta(hours=26)
"""Passes are daily; each may begin later than the one before, as it takes its time."""
REST = timedelta(days=1)
"""For so long nothing is read again where all was read at once: the pace is by so much faster than it must be."""


def horizon(reread: timedelta) -> timedelta:
    """In which time an even pace reads a whole repository; nothing where every pass reads all of it."""
    window = max(reread - PASS_EVERY, timedelta(0))
    return max(window - REST, window / 2)


def due(entries: Iterable[LedgerEntry], *, previous: datetime, now: datetime, reread: timedelta) -> frozenset[str]:
    """The names of the files to read again in this pass.

    Args:
        entries: files that were read and are there as they were.
        previous: when the last pass was (UTC).
        now: when this pass is (UTC).
        reread: how long ago a file may have been read.
    """
    skew = timedelta(seconds=CLOCK_SKEW_SECONDS)
    last_pass = {entry: entry.read_at + reread - PASS_EVERY for entry in entries if entry.read_at}
    # A time that has not come was told by a wrong clock: when the file was read is not known.
    chosen = {
        entry.name
        for entry, limit in last_pass.items()
        if limit <= now or (entry.read_at is not None and entry.read_at > now + skew)
    }
    queue = sorted((limit, entry.name, entry.size) for entry, limit in last_pass.items() if entry.checksum)
    needed = _needed(queue, min(previous, now), now, horizon(reread).total_seconds())
    taken = 0.0
    for _, name, size in queue:
        if taken >= needed:
            break
        taken += size
        chosen.add(name)
    return frozenset(chosen)


def _needed(queue: Sequence[tuple[datetime, str, int]], previous: datetime, now: datetime, seconds: float) -> float:
    """Bytes of the oldest files to read now, so that an even pace from now on comes to each file before its limit."""
    ahead, together = [], 0
    for limit, _, size in queue:
        # Without the file itself, which is read whole when its limit comes: large ones are not read early for that.
        ahead.append((limit, together))
        together += size
    pace = together / seconds if seconds else 0.0
    # What was missed, or had files ahead that expired, is not made up for at once.
    pace = max([pace, *(size / (limit - previous).total_seconds() for limit, size in ahead if limit > previous)])
    # A byte in a terabyte is lost in arithmetic with fractions, and no reason to read a file.
    return max((size - pace * (limit - now).total_seconds() - 1 for limit, size in ahead if limit > now), default=0.0)
