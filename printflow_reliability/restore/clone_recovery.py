"""One clone's way from its start to its promotion: to the fence, from there to the moment or the end of WAL."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial

from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.s3_endpoint import silence_watches
from printflow_reliability.errors import Refused
from printflow_reliability.programs import Watches
from printflow_reliability.restore.clones.clone import Clone, CloneEnded
from printflow_reliability.restore.clones.fetch import fetch
from printflow_reliability.restore.clones.outgrown import INSUFFICIENT, Outgrown, grow
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.recovery_target import RecoveryTarget
from printflow_reliability.restore.replay import (
    SHORT,
    STRAY_TIMELINE,
    Promotion,
    RecoveryShort,
    await_promotion,
    replay_to_end,
    replay_to_fence,
    started_short,
)
from printflow_reliability.restore.stall import stall_noticed


class CloneRecovery:
    """One clone's recovery.

    Attributes:
        clone: the clone.
    """

    def __init__(
        self, clone: Clone, fence: Fence | None, moment: datetime | None, *, timeout: float, stall_seconds: float
    ) -> None:
        """What is to be done.

        Args:
            clone: with its directories made.
            fence: where its replay stops first; None if nowhere.
            moment: where it ends; None for the end of WAL.
            timeout: seconds that each step may take.
            stall_seconds: after how many of them without any progress a replay is ended.
        """
        self.clone = clone
        self._fence = fence
        self._moment = moment
        self._timeout = timeout
        self._stall_seconds = stall_seconds
        self._passed_fence = False
        self._silence: Watches = ()

    def fetch(self, repository: int, backup: Backup, *, taken: bool = False) -> None:
        """Restore its backup, unless its files were taken already; its WAL comes out of the same repository."""
        config = self.clone.cluster.drill_pgbackrest_config or self.clone.cluster.pgbackrest_config
        self._silence = silence_watches(config, self.clone.cluster.stanza, repository)
        target = RecoveryTarget(self._fence, self._moment)
        fetch(self.clone, repository, backup, target, timeout=self._timeout, taken=taken)

    def start(self) -> None:
        """Start it; it answers once it is consistent."""
        try:
            self._start()
        except CloneEnded as ended:
            raise (started_short(self.clone, self._fence, ended) if self._fence else ended) from None

    def replay_to_fence(self) -> None:
        """Replay up to its fence, and pause there."""
        if self._fence is not None:
            self._replay(partial(replay_to_fence, self.clone, self._fence, timeout=self._timeout))

    def end_at_fence(self) -> None:
        """Let it promote where it is paused, at its fence."""
        with self.clone.connect(read_only=False) as connection:
            connection.execute("SELECT pg_wal_replay_resume()")

    def stop(self) -> None:
        """Stop it in good order where it is."""
        self.clone.stop(timeout=self._timeout)

    def go_on(self) -> None:
        """Start it again; from here on, replay goes to its end."""
        self._passed_fence = True
        self.clone.set_target(self._moment)
        self._start()

    def replay_to_end(self, *, keep_short: bool) -> bool:
        """Replay to the moment, or all WAL that is in the repository.

        Where nothing was committed after the moment, PostgreSQL never sees that it has come.

        Args:
            keep_short: go on then, to all WAL there is. A fence that was made later must be in what was replayed, which
                whoever waits for the promotion demands; or the caller says what it means that there is none.

        Returns:
            Whether WAL ended before the moment.
        """
        try:
            self._replay(partial(replay_to_end, self.clone, self._moment, timeout=self._timeout))
        except RecoveryShort:
            if not keep_short or self._moment is None:
                raise
            self._await_end()
            self.clone.set_target(None)
            with self._watched():
                self.clone.start(timeout=self._timeout)
            self._replay(partial(replay_to_end, self.clone, None, timeout=self._timeout))
            return True
        return False

    def promote(self, expected: int) -> Promotion:
        """Wait until it is a server of its own and was written to once; how far it came.

        Args:
            expected: the LSN (bytes) that it must have reached.

        Raises:
            RecoveryShort: it did not come so far.
            Refused: it promoted to another timeline than the next.
        """
        name = self.clone.cluster.name
        reached = await_promotion(self.clone, expected, timeout=self._timeout)
        known = self.clone.production.timeline
        if known and reached.timeline != known + 1:
            raise Refused(
                f"the clone of {name} promoted to timeline {reached.timeline}, not to {known + 1}: "
                "the repository holds a timeline that production does not know",
                f"printflow wal verify {name}",
            )
        return reached

    def _replay(self, replay: Callable[[], None]) -> None:
        """Replay; where production raised settings meanwhile, with those from there on."""
        while True:
            try:
                with self._watched():
                    return replay()
            except Outgrown:
                grow(self.clone, timeout=self._timeout)
                self._start()

    def _start(self) -> None:
        name = self.clone.cluster.name
        try:
            with self._watched():
                self.clone.start(timeout=self._timeout)
        except CloneEnded as ended:
            if INSUFFICIENT.search(ended.log):
                grow(self.clone, timeout=self._timeout)
                return self._start()
            if stray := STRAY_TIMELINE.search(ended.log):
                raise Refused(
                    f"the repository holds a timeline that production does not know: timeline {stray[1]} leaves what "
                    f"was restored for {name}, and a recovery would follow it",
                    f"printflow wal verify {name}",
                ) from None
            # WAL may end before the moment while a clone still starts; `replay_to_end` then sees it in the log.
            if self._fence and not self._passed_fence:
                raise
            if self._moment is None or SHORT not in ended.log:
                raise

    def _watched(self) -> AbstractContextManager[None]:
        return stall_noticed(self.clone, self._stall_seconds, self._silence)

    def _await_end(self) -> None:
        deadline = time.monotonic() + self._timeout
        while self.clone.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
