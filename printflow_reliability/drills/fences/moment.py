"""Looking for a moment of production that two equal snapshots prove: nothing became visible between them.

One thing they do not show: a transaction whose commit is written but not yet visible (it waits for the disk, or for a
standby) is in the clone and not in the second snapshot. It still holds its transaction id, and lets go of it as soon as
it gets the processor, since the restore point's own flush has written its commit too. So a moment counts in which
nobody holds an id but transactions that were open long before and stay open afterwards, such as a batch that runs for
hours. Those are noted, and the clone is asked whether any of them had committed (`clone_rows.committed_after_all`).
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from printflow_reliability.drills.fences.side import RestorePoint, Side
from printflow_reliability.drills.fences.snapshot import Snapshot, nothing_between

log = logging.getLogger(__name__)

PATIENCE = 0.75
"""The part of the time after which transactions that may be committing are let be."""
PAUSE_SECONDS = 0.003
SETTLE_SECONDS = 0.05
"""How long before and after a restore point a transaction is open that was not being committed at it."""
OpenTransactions = Sequence[Sequence[int]]
"""Ids of transactions, in the clusters' order."""


@dataclass(frozen=True)
class Moment:
    """Restore points between two snapshots of each cluster; `exact` if these proved that nothing came between them.

    The transactions that were open then, and the second snapshot, come in the clusters' order.
    """

    points: Sequence[RestorePoint]
    open_transactions: OpenTransactions
    snapshots: Sequence[Snapshot]
    exact: bool


def find_moment(sides: Sequence[Side], name: str, quiet_seconds: float) -> Moment:
    """Write restore points between two equal snapshots; the sessions are left in the second, in transactions."""
    began = time.monotonic()
    ages = _Ages()
    while True:
        gone = time.monotonic() - began
        patient = gone < quiet_seconds * PATIENCE
        before = [side.state() for side in sides]
        # Pointless restore points are spared: they cost WAL.
        if not ages.all_settled([still_open for _, still_open in before]) and patient:
            time.sleep(PAUSE_SECONDS)
            continue
        points = [side.restore_point(name) for side in sides]
        open_after = [side.state()[1] for side in sides]
        after = [side.open_snapshots() for side in sides]
        unchanged = all(nothing_between(snapshot, later) for (snapshot, _), later in zip(before, after, strict=True))
        snapshots = [snapshot for snapshot, _ in before]
        if unchanged and (not patient or _stay_open(sides, open_after)):
            return Moment(points, open_after, snapshots, exact=True)
        if gone > quiet_seconds:
            log.warning("no moment in which nothing became visible within %.0f s", quiet_seconds)
            return Moment(points, [() for _ in sides], snapshots, exact=False)
        for side in sides:
            side.close_snapshots()
        time.sleep(PAUSE_SECONDS)


class _Ages:
    """When each transaction that is open was seen first."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], float] = {}

    def all_settled(self, transactions: OpenTransactions) -> bool:
        """Whether those that are open now have all been so for a while."""
        now = time.monotonic()
        self._seen = {
            (number, transaction): self._seen.get((number, transaction), now)
            for number, open_there in enumerate(transactions)
            for transaction in open_there
        }
        return all(now - seen >= SETTLE_SECONDS for seen in self._seen.values())


def _stay_open(sides: Sequence[Side], transactions: OpenTransactions) -> bool:
    """Whether all of these are still open after a while."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while any(transactions):
        last_look = time.monotonic() >= deadline
        if any(
            not set(open_there) <= set(side.state()[1]) for side, open_there in zip(sides, transactions, strict=True)
        ):
            return False
        if last_look:
            break
        time.sleep(PAUSE_SECONDS)
    return True
