"""Replay: to the fence and no further, then to the end of WAL and through promotion to a first write.

PostgreSQL promotes happily at the first gap, and then looks well. So the LSN that must be reached is known beforehand.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.backups.timeline import parse_history
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.restore.clones.clone import Clone, CloneEnded
from printflow_reliability.restore.clones.outgrown import Outgrown, require_enough
from printflow_reliability.restore.fence import Fence

POLL_SECONDS = 0.05
SHORT = "recovery ended before configured recovery target was reached"
STOPPED = re.compile(r"recovery stopping (?:before|after) \w+ of transaction \d+, time")
"""Said when a commit after the target time was met: proof that replay came as far as that time."""
STRAY_TIMELINE = re.compile(r"requested timeline (\d+) (?:is not a child of this server|does not contain minimum)")
"""Said at the start when the newest timeline of the repository branched off before what was restored."""
REDO_DONE = re.compile(r"redo done at ([0-9A-F]+/[0-9A-F]+)")
FIRST_WRITE = "SELECT lo_unlink(lo_from_bytea(0, 'written by a drill'))"
"""A large object that is gone at once: a write in catalog, index and WAL that no event trigger hears of."""


class RecoveryShort(PrintflowError):
    """Replay ended before the LSN that production had archived: what was restored is not all there was."""


@dataclass(frozen=True)
class Promotion:
    """How far a clone came.

    Attributes:
        timeline: the one it writes now.
        reached_lsn: where it left production's timeline.
    """

    timeline: int
    reached_lsn: str


def replay_to_fence(clone: Clone, fence: Fence, *, timeout: float) -> None:
    """Wait until the clone is paused at the fence.

    Raises:
        RecoveryShort: WAL ended before it.
        Outgrown: it waits for larger settings.
        CouldNotTell: the clone ended for another reason, or is not there in time.
    """

    def paused() -> bool:
        with clone.connect() as connection:
            row = connection.execute(
                "SELECT CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() END, "
                "pg_last_wal_replay_lsn()::text"
            ).fetchone()
        if row is not None and row[0] is None:
            raise RecoveryShort(
                f"the clone of {clone.cluster.name} does not recover: it began to write at {row[1]}, before the fence "
                f"{fence.lsn}",
                f"printflow backup verify {clone.cluster.name}",
            )
        if row is None or row[0] != "paused":
            return False
        if parse_lsn(row[1]) < parse_lsn(fence.lsn):
            require_enough(clone)
            raise short_of(clone, fence.lsn, row[1])
        return True

    _until(clone, paused, timeout, f"the fence {fence.lsn}", fence.lsn)


def started_short(clone: Clone, fence: Fence, ended: CloneEnded) -> PrintflowError:
    """What it means that a clone ended while starting: WAL too short for the fence, or something else."""
    if SHORT in ended.log:
        return short_of(clone, fence.lsn, None)
    return ended


def replay_to_end(clone: Clone, moment: datetime | None, *, timeout: float) -> None:
    """Wait until the clone has replayed all WAL that it can get, or up to a moment.

    Raises:
        RecoveryShort: WAL ended before the first commit after the moment.
        Outgrown: it waits for larger settings.
        CouldNotTell: it ended, or is not there in time.
    """

    def at_end() -> bool:
        require_enough(clone)
        said = clone.log_text()
        if REDO_DONE.search(said):
            if moment is not None and not STOPPED.search(said):
                raise RecoveryShort(
                    f"the WAL of {clone.cluster.name} ends before the first commit after {moment:%Y-%m-%d %H:%M:%S} "
                    "UTC, so that nothing proves that all up to then is there",
                    f"printflow wal verify {clone.cluster.name}, then choose a moment that its archive reaches",
                )
            return True
        if not clone.alive():
            raise CouldNotTell("it ended during replay")
        return False

    _until(clone, at_end, timeout, "the end of WAL", None)


def await_promotion(clone: Clone, expected_lsn: int, *, timeout: float) -> Promotion:
    """Wait until the clone is a server of its own, write to it once, and see how far it came.

    Raises:
        RecoveryShort: it promoted before the LSN (bytes) that production had archived.
        CouldNotTell: it ended, or does not promote in time.
    """

    def promoted() -> bool:
        with clone.connect() as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        return row is not None and not row[0]

    _until(clone, promoted, timeout, "promotion", None)
    with clone.connect(read_only=False) as connection:
        connection.execute(FIRST_WRITE)
        row = connection.execute(
            "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
        ).fetchone()
    timeline = int(row[0]) if row else 0
    history = (clone.data / "pg_wal" / f"{timeline:08X}.history").read_text(encoding="utf-8")
    left = parse_history(history)[-1].lsn
    if left < expected_lsn:
        raise short_of(clone, format_lsn(expected_lsn), format_lsn(left))
    return Promotion(timeline, format_lsn(left))


def short_of(clone: Clone, expected: str, reached: str | None) -> RecoveryShort:
    """The error for a replay that ended too early, in plain words."""
    where = f"at {reached}, " if reached else ""
    return RecoveryShort(
        f"replay of {clone.cluster.name} ended {where}before {expected}, which production had archived: "
        "WAL in between is missing or damaged, and what was committed there would be lost",
        f"printflow wal verify {clone.cluster.name}",
    )


def format_lsn(position: int) -> str:
    """A byte position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def _until(clone: Clone, done: Callable[[], bool], timeout: float, what: str, target: str | None) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            if done():
                return
        except Outgrown:
            raise
        except CouldNotTell as gone:
            if not clone.alive():
                require_enough(clone)
                said = clone.log_text()
                if target is not None and SHORT in said:
                    raise short_of(clone, target, None) from None
                raise CloneEnded(clone, gone.what) from None
        if time.monotonic() > deadline:
            raise CouldNotTell(
                f"the clone of {clone.cluster.name} did not reach {what} within {timeout:.0f} s:\n{clone.log_tail()}",
                "look at its restore_command and at the repository's server",
            )
        time.sleep(POLL_SECONDS)
