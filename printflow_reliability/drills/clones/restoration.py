"""A recovery of all clusters together, step by step: what a drill rehearses and a disaster does in earnest.

Clusters go through each step together, since a recovery is over when the last of them is.
"""

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TypeVar

from printflow_reliability.backups.s3_endpoint import silence_watches
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.clones import reaper
from printflow_reliability.drills.clones.aim import Aim
from printflow_reliability.drills.clones.clone import Clone, CloneEnded, required_bytes
from printflow_reliability.drills.clones.confinement import confine
from printflow_reliability.drills.clones.connector import connector
from printflow_reliability.drills.clones.link_watch import LinkWatch
from printflow_reliability.drills.clones.outgrown import INSUFFICIENT, Outgrown, grow
from printflow_reliability.drills.clones.replay import (
    SHORT,
    STRAY_TIMELINE,
    Promoted,
    RecoveryShort,
    await_promotion,
    replay_to_end,
    replay_to_fence,
    started_short,
)
from printflow_reliability.drills.clones.stall import stall_noticed
from printflow_reliability.drills.clones.wal_inspection import refused_wal
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.drills.plan import Plan
from printflow_reliability.drills.tablespaces import TablespaceRules
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.platform.queries import ConnectWith
from printflow_reliability.programs import Programs
from printflow_reliability.settings import Settings

KEPT_INSIDE = re.compile(r'CONTEXT:  WAL redo at ([0-9A-F/]+) for Tablespace/CREATE: \d+ "(.*)"$', re.MULTILINE)
"""Said after the error of a clone that could not make a tablespace where its WAL says."""
Result = TypeVar("Result")


class Restoration:
    """The clones of one recovery.

    Attributes:
        clones: by cluster; there once they are being fetched.
    """

    def __init__(
        self,
        settings: Settings,
        place: Path,
        repository: int,
        plan: Plan,
        rules: TablespaceRules = TablespaceRules(),  # noqa: B008 - it is immutable
    ) -> None:
        self.clones: dict[str, Clone] = {}
        self._settings = settings
        self._place = place
        self._repository = repository
        self._plan = plan
        self._rules = rules
        self._watches: dict[str, LinkWatch] = {}
        self._limit = settings.drills.phase_timeout_seconds
        self._aims: dict[str, Aim] = {}
        self._ran_out: set[str] = set()
        self._passed_fence = False

    @property
    def connector(self) -> ConnectWith:
        """How a capability that was written for production reads the clones instead."""
        return connector(self.clones)

    @property
    def confined_by(self) -> Sequence[str]:
        """By which means the clones are kept in their directories, once they are being fetched."""
        return sorted({clone.confinement.by for clone in self.clones.values()})

    @property
    def fetched_bytes(self) -> Mapping[str, int]:
        """By cluster, what a restore of its backup writes."""
        return {name: point.backup.database_bytes for name, point in self._plan.points.items()}

    def require_space(self) -> None:
        """Raises:
        CouldNotTell: the clones do not fit on the disk.
        """
        points = self._plan.points.values()
        needed = sum(required_bytes(one.backup, one.production.segment_bytes) for one in points)
        free = shutil.disk_usage(self._place).free
        if needed > free:
            raise CouldNotTell(
                f"the clones need {needed:,} bytes below {self._place.parent}, and only {free:,} are free",
                "make room there, or choose a directory on a larger disk",
            )

    def require_programs(self) -> None:
        """Raises:
        ConfigError: the server programs of a backup's version are not installed here.
        """
        for point in self._plan.points.values():
            self._settings.runner().postgres("pg_ctl", point.backup.major_version)

    def confined_programs(self) -> Programs:
        """Who runs programs as clones will run, before there are any: they reach the directory of all clones.

        Raises:
            Refused: nothing keeps a clone from production.
        """
        runner = self._settings.runner()
        confined = [confine(runner, self._place, point.production) for point in self._plan.points.values()]
        return confined[0].programs

    def fetch(self, fences: Mapping[str, Fence]) -> None:
        """Restore every cluster out of the repository; replay will stop at its fence, where there is one."""
        for cluster in self._settings.cluster:
            production = self._plan.points[cluster.name].production
            place = self._place / cluster.name
            clone = Clone(cluster, production, place, self._settings.runner(), tuple(self._rules.allowed))
            self._aims[cluster.name] = Aim(fences.get(cluster.name), self._plan.moment)
            self.clones[cluster.name] = clone
            clone.prepare()
        self.each(
            lambda clone: clone.fetch(
                self._repository,
                self._plan.points[clone.cluster.name].backup,
                self._aims[clone.cluster.name],
                timeout=self._limit,
            )
        )

    def start(self) -> None:
        """Start the clones; each answers once it is consistent."""

        def begin(clone: Clone) -> None:
            fence = self._aims[clone.cluster.name].fence
            try:
                self._start(clone)
            except CloneEnded as ended:
                raise (started_short(clone, fence, ended) if fence else ended) from None

        taken: dict[str, str] = {}
        for name, clone in self.clones.items():
            self._watches[name] = LinkWatch(clone, self._rules.real_paths, taken)
            self._watches[name].start()
        self.each(begin)

    def replay_to_fence(self) -> None:
        """Replay up to the fences, and pause there."""

        def replay(clone: Clone) -> None:
            fence = self._aims[clone.cluster.name].fence
            if fence is not None:
                self._replayed(clone, partial(replay_to_fence, clone, fence, timeout=self._limit))

        self.each(replay)

    def stop(self) -> None:
        """Stop the clones in good order where they are."""
        self.each(lambda clone: clone.stop(timeout=self._limit))

    def go_on(self) -> None:
        """Start the stopped clones again; from here on, replay goes to its end."""
        self._passed_fence = True
        self.each(self._go_on)

    @property
    def ran_out(self) -> frozenset[str]:
        """Clusters whose WAL ended before the first commit after the moment, and that hold all of it."""
        return frozenset(self._ran_out)

    def replay_to_end(self, later: Mapping[str, Fence], *, keep_short: bool = False) -> None:
        """Replay to the moment, or all WAL that is in the repository.

        Where nothing was committed after the moment, PostgreSQL never sees that it has come. Then a fence that was made
        `later` than the moment must be in what was replayed; `promote` makes sure of it.

        Args:
            later: such fences, by cluster.
            keep_short: go on where there is no such fence either; the caller says what that means.
        """

        def replay(clone: Clone) -> None:
            try:
                self._replayed(clone, partial(replay_to_end, clone, self._plan.moment, timeout=self._limit))
            except RecoveryShort:
                if self._plan.moment is None or not (keep_short or clone.cluster.name in later):
                    raise
                self._await_end(clone)
                clone.aim_at(None)
                with self._watched(clone):
                    clone.start(timeout=self._limit)
                self._replayed(clone, partial(replay_to_end, clone, None, timeout=self._limit))
                self._ran_out.add(clone.cluster.name)

        self.each(replay)

    def promote(self, expected: Mapping[str, int], later: Mapping[str, Fence]) -> Mapping[str, Promoted]:
        """Wait until every clone is a server of its own and was written to once; how far each came.

        Args:
            expected: the LSN (bytes) that each must have reached.
            later: fences after the moment, as in `replay_to_end`.

        Raises:
            RecoveryShort: one did not come so far.
            Refused: one promoted to another timeline than the next.
        """

        def promoted(clone: Clone) -> Promoted:
            name = clone.cluster.name
            wanted = parse_lsn(later[name].lsn) if name in self._ran_out and name in later else expected[name]
            reached = await_promotion(clone, wanted, timeout=self._limit)
            known = clone.production.timeline
            if known and reached.timeline != known + 1:
                raise Refused(
                    f"the clone of {name} promoted to timeline {reached.timeline}, not to {known + 1}: "
                    "the repository holds a timeline that production does not know",
                    f"printflow wal verify {name}",
                )
            return reached

        reached = self.each(promoted)
        for watch in self._watches.values():
            watch.end()
        self._require_inside()
        return dict(zip(self.clones, reached, strict=True))

    def each(self, task: Callable[[Clone], Result]) -> list[Result]:
        """Do something with every clone at once.

        Raises:
            Refused: replay would have left a clone's directory, whatever else was noticed of the clone's end.
            CouldNotTell: WAL could not be read for that.
        """
        tasks: list[Callable[[], Result]] = [partial(task, clone) for clone in self.clones.values()]
        try:
            return at_once(tasks, give_up=self.give_up)
        except Exception:
            self._require_inside()
            raise

    def give_up(self) -> None:
        """End all that the clones are doing."""
        reaper.end_processes(self._place)

    def _require_inside(self) -> None:
        for name, clone in self.clones.items():
            if wal := refused_wal(clone.place):
                if wal.tablespace is None:
                    raise CouldNotTell(
                        f"the WAL of {name} cannot be read before it is replayed ({wal.where}): {wal.detail}",
                        f"printflow wal verify {name}",
                    )
                raise self._rules.refusal(name, wal.tablespace, f"WAL makes it at {wal.where}")
            if (watch := self._watches.get(name)) and (link := watch.found):
                raise self._rules.refusal(name, link.says, f"replay made pg_tblspc/{link.oid}, and was ended")
            made = KEPT_INSIDE.search(clone.log_text())
            if made and made[2] not in self._rules.real_paths:
                raise self._rules.refusal(name, made[2], f"replay ended where WAL makes it, at {made[1]}")

    def _go_on(self, clone: Clone) -> None:
        clone.aim_at(self._plan.moment)
        self._start(clone)

    def _replayed(self, clone: Clone, replay: Callable[[], None]) -> None:
        """Replay; where production raised settings meanwhile, with those from there on."""
        while True:
            try:
                with self._watched(clone):
                    return replay()
            except Outgrown:
                grow(clone, timeout=self._limit)
                self._start(clone)

    def _start(self, clone: Clone) -> None:
        try:
            with self._watched(clone):
                clone.start(timeout=self._limit)
        except CloneEnded as ended:
            if INSUFFICIENT.search(ended.log):
                grow(clone, timeout=self._limit)
                return self._start(clone)
            if stray := STRAY_TIMELINE.search(ended.log):
                raise Refused(
                    f"the repository holds a timeline that production does not know: timeline {stray[1]} leaves what "
                    f"was restored for {clone.cluster.name}, and a recovery would follow it",
                    f"printflow wal verify {clone.cluster.name}",
                ) from None
            # WAL may end before the moment while a clone still starts; `replay_to_end` then sees it in the log.
            if self._aims[clone.cluster.name].fence and not self._passed_fence:
                raise
            if self._plan.moment is None or SHORT not in ended.log:
                raise

    def _watched(self, clone: Clone) -> AbstractContextManager[None]:
        config = clone.cluster.drill_pgbackrest_config or clone.cluster.pgbackrest_config
        silence = silence_watches(config, clone.cluster.stanza, self._repository)
        return stall_noticed(clone, self._settings.drills.stall_seconds, silence)

    def _await_end(self, clone: Clone) -> None:
        deadline = time.monotonic() + self._limit
        while clone.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
