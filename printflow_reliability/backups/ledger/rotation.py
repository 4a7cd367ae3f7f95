"""Which of the files that were read before are read again now, so that each is read again in time.

No I/O here. Each file has a last pass at which it must be read. What lies before that is spread evenly: a pass reads
the oldest files first, as many bytes as keep the pace that the tightest of these limits asks for. So no pass reads far
more than its share, even where a whole repository was read in one day.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from printflow_reliability.backups.ledger.entries import LedgerEntry
from printflow_reliability.backups.recent import CLOCK_SKEW_SECONDS

PASS_EVERY = timedelta(hours=26)
"""Passes are daily; each may begin later than the one before, as it takes its time."""


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
    elapsed = max(now - previous, timedelta(0))
    share = _pace(queue, now - elapsed) * elapsed.total_seconds()
    taken = 0.0
    for _, name, size in queue:
        if taken >= share:
            break
        taken += size
        chosen.add(name)
    return frozenset(chosen)


def _pace(queue: Iterable[tuple[datetime, str, int]], since: datetime) -> float:
    """Bytes a second that, kept from that moment on, read every file before its limit."""
    pace, together = 0.0, 0
    for limit, _, size in queue:
        together += size
        left = (limit - since).total_seconds()
        if left > 0:
            pace = max(pace, together / left)
    return pace
