"""The rehearsal itself: find, fence, fetch, start, replay, promote, validate, files; one method each, in this order.

Clusters go through each phase together, since a recovery is over when the last of them is. Verdicts are collected on
the way; what breaks a phase off ends the rehearsal, and what was not reached is "could not tell".
"""

import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.pgbackrest import NoBackupForTarget, PgBackRest, RepositoryDamaged
from printflow_reliability.backups.segment import parse_lsn, parse_segment
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills import comparison, reaper
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.clone import Clone, CloneEnded, connector, required_bytes
from printflow_reliability.drills.fence import QUIET_SECONDS, Fence, await_archived, make_fence
from printflow_reliability.drills.isolation import IsolationState, RepositoryState, changes, repository_state
from printflow_reliability.drills.phases import Phase, PhaseClock, rto_seconds
from printflow_reliability.drills.production import Production, ask_production, newest_heartbeat, production_clock
from printflow_reliability.drills.recovered_files import check_files
from printflow_reliability.drills.recovery import (
    RecoveryShort,
    await_promotion,
    replay_to_end,
    replay_to_fence,
    started_short,
)
from printflow_reliability.drills.report import CHECKS, ClusterReport
from printflow_reliability.drills.validation import validate_foreign_keys, validate_indexes
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.platform.connect import connect
from printflow_reliability.settings import ClusterSettings, Settings

log = logging.getLogger(__name__)

ARCHIVE_SECONDS = 120.0
"""How long the fence's segment may take into the repository."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Point:
    """One cluster before its clone is made: who it is, and the base backup that will be used."""

    production: Production
    backup: Backup


class Rehearsal:
    """One drill's rehearsal.

    Attributes:
        id: the drill's number.
        place: the drill's own directory.
        clock: the phases so far.
        numbers: what was measured so far.
        clusters: each cluster's part so far, by name.
        matched: whether the clones agreed with production at the fence.
        fences: by cluster.
    """

    def __init__(self, settings: Settings, id: int, repository: int, clock: PhaseClock) -> None:
        self.settings = settings
        self.id = id
        self.repository = repository
        self.place = settings.drills.directory / str(id)
        self.clock = clock
        self.numbers: dict[str, int | float] = {}
        self.clusters = {cluster.name: ClusterReport(cluster.name) for cluster in settings.cluster}
        self.matched: bool | None = None
        self.fences: dict[str, Fence] = {}
        self._programs = settings.runner()
        self._points: dict[str, Point] = {}
        self._clones: dict[str, Clone] = {}
        self._before: IsolationState | None = None
        self._declared: dict[str, datetime] = {}
        self._expected: dict[str, int] = {}
        self._verdicts: dict[str, CheckResult] = {}
        self._broke_off = "the drill did not come so far"

    def run(self, tell: Callable[[Phase], None], keep_fence: Callable[[Fence], None]) -> None:
        """Go through the phases until the last, or until one breaks off.

        Args:
            tell: hears of each phase as it begins.
            keep_fence: gets each fence as soon as it is made.

        Raises:
            ConfigError, LockHeld: nothing can be said until that is mended.
        """
        steps = (
            (Phase.FIND, self.find),
            (Phase.FENCE, partial(self.fence, keep_fence)),
            (Phase.FETCH, self.fetch),
            (Phase.START, self.start),
            (Phase.REPLAY_TO_FENCE, self.replay_to_fence),
            (Phase.FENCE, self.compare_at_fence),
            (Phase.REPLAY_TO_END, self.replay_to_end),
            (Phase.PROMOTE, self.promote),
            (Phase.VALIDATE, self.validate),
            (Phase.FILES, self.files),
        )
        try:
            for phase, step in steps:
                tell(phase)
                with self.clock.measure(phase):
                    step()
        except (RecoveryShort, RepositoryDamaged, NoBackupForTarget, Refused) as failed:
            self._verdict("drill.recovery", Outcome.FAIL, failed.sentence)
            self._broke_off = "not reached: the recovery failed before"
        except CouldNotTell as unknown:
            log.warning("drill %s broke off in %s: %s", self.id, self.clock.running, unknown.what)
            self._broke_off = f"not reached; {self.clock.running} broke off: {unknown.sentence}"

    def find(self) -> None:
        """Ask production who it is, and the repository for the base backups to use."""

        def point(cluster: ClusterSettings) -> Point:
            production = ask_production(cluster)
            newest_heartbeat(cluster, key=self._heartbeat_key(cluster))
            backup = newest_backup(self._pgbackrest(cluster), self.repository)
            return Point(production, backup)

        for cluster, found in zip(self.settings.cluster, self._each(point), strict=True):
            self._points[cluster.name] = found
            self._note(cluster, backup=found.backup.label)

    def fence(self, keep_fence: Callable[[Fence], None]) -> None:
        """Look at what must not change; make the fences; wait until they are archived."""

        def make(cluster: ClusterSettings) -> Fence:
            name = f"printflow-drill-{self.id}"
            return make_fence(cluster, self._points[cluster.name].production, name, quiet_seconds=QUIET_SECONDS)

        look = partial(self._look_around, {name: one.production for name, one in self._points.items()})
        tasks: list[Callable[[], object]] = [
            self._look_or_not(look),
            *(partial(make, one) for one in self.settings.cluster),
        ]
        for made in at_once(tasks, give_up=self._give_up)[1:]:
            if isinstance(made, Fence):
                self.fences[made.cluster] = made
                keep_fence(made)
                self.clusters[made.cluster] = replace(
                    self.clusters[made.cluster],
                    fence_lsn=made.lsn,
                    tables=made.tables if made.counts is not None else None,
                    rows=made.rows if made.counts is not None else None,
                )
        self._each(self._archived)

    def fetch(self) -> None:
        """The disaster is declared: restore every cluster out of the repository."""
        self._declared = dict(zip(self.clusters, self._each(production_clock), strict=True))
        self._expected = dict(zip(self.clusters, self._each(self._expected_end), strict=True))
        self._require_space()
        limit = self.settings.drills.phase_timeout_seconds
        for cluster in self.settings.cluster:
            place = self.place / cluster.name
            self._clones[cluster.name] = Clone(cluster, self._points[cluster.name].production, place, self._programs)
            self._clones[cluster.name].prepare()
        self._each_clone(lambda clone: clone.fetch(self.repository, self.fences[clone.cluster.name], timeout=limit))
        for cluster in self.settings.cluster:
            self._note(cluster, fetched_bytes=self._points[cluster.name].backup.database_bytes)
        self.numbers["fetched_bytes"] = sum(point.backup.database_bytes for point in self._points.values())

    def start(self) -> None:
        """Start the clones; each answers once it is consistent."""

        def begin(clone: Clone) -> None:
            try:
                clone.start(timeout=self.settings.drills.phase_timeout_seconds)
            except CloneEnded as ended:
                raise started_short(clone, self.fences[clone.cluster.name], ended) from None

        self._each_clone(begin)

    def replay_to_fence(self) -> None:
        """Replay up to the restore points."""
        limit = self.settings.drills.phase_timeout_seconds
        self._each_clone(lambda clone: replay_to_fence(clone, self.fences[clone.cluster.name], timeout=limit))

    def compare_at_fence(self) -> None:
        """Count in the clones, then let them go on: a real recovery would not have stopped here."""
        uncounted = [name for name, fence in self.fences.items() if fence.counts is None]
        found = [one for part in self._each_clone(self._compare) for one in part]
        tables, rows = (sum(getattr(fence, what) for fence in self.fences.values()) for what in ("tables", "rows"))
        self.numbers |= {"tables": tables, "rows": rows, "differing_tables": len(found)}
        if found:
            self.matched = False
            self._verdict("drill.fence", Outcome.FAIL, comparison.describe(found))
        elif uncounted:
            self._verdict(
                "drill.fence",
                Outcome.UNKNOWN,
                f"{', '.join(uncounted)} never had a moment without a transaction in {QUIET_SECONDS:.0f} s, so "
                "production's rows at the fence are not known",
            )
        else:
            self.matched = True
            self._verdict("drill.fence", Outcome.PASS, f"{tables} tables, {rows:,} rows, all equal to production")
        self._each_clone(self._go_on)

    def replay_to_end(self) -> None:
        """Replay all WAL that is in the repository."""
        self._each_clone(partial(replay_to_end, timeout=self.settings.drills.phase_timeout_seconds))

    def promote(self) -> None:
        """Wait for promotion and a first write, and see how far the clones came."""
        limit = self.settings.drills.phase_timeout_seconds

        def promoted(clone: Clone) -> None:
            name = clone.cluster.name
            reached = await_promotion(clone, self._expected[name], timeout=limit)
            began = self._points[name].backup.lsn_start
            replayed = parse_lsn(reached.reached_lsn) - parse_lsn(began) if began else None
            if reached.timeline != clone.production.timeline + 1:
                raise Refused(
                    f"the clone of {name} promoted to timeline {reached.timeline}, not to "
                    f"{clone.production.timeline + 1}: the repository holds a timeline that production does not know",
                    f"printflow wal verify {name}",
                )
            heartbeat = newest_heartbeat(clone.settings, key=self._heartbeat_key(clone.cluster))
            # The state at the fence was recovered too, so its moment was, with or without a heartbeat after it.
            newest = max(filter(None, (heartbeat, self.fences[name].taken_at)))
            self._note(
                clone.cluster,
                reached_lsn=reached.reached_lsn,
                timeline=reached.timeline,
                replayed_bytes=replayed,
                recovered_at=newest,
            )

        self._each_clone(promoted)
        parts = self.clusters.values()
        self.numbers["replayed_bytes"] = sum(one.replayed_bytes or 0 for one in parts)
        lost = [(self._declared[one.name] - one.recovered_at).total_seconds() for one in parts if one.recovered_at]
        self.numbers["rpo_seconds"] = round(max(0.0, *lost), 3)
        reached = ", ".join(f"{one.name} to {one.reached_lsn}" for one in parts)
        self._verdict("drill.recovery", Outcome.PASS, f"replayed to the end of WAL ({reached}), promoted, written to")

    def validate(self) -> None:
        """Check what must hold before anybody is let in."""
        clones = tuple(self._clones.values())
        limit = self.settings.drills.phase_timeout_seconds
        checks = (validate_indexes, validate_foreign_keys)
        tasks = [partial(check, clones, timeout=limit, give_up=self._give_up) for check in checks]
        for result in at_once(tasks, give_up=self._give_up):
            self._answer(result)

    def files(self) -> None:
        """Check the clones' references against the bucket."""
        try:
            self._answer(check_files(self.settings, connector(self._clones)))
        except Refused as refused:
            self._verdict("drill.files", Outcome.FAIL, refused.sentence)
        except CouldNotTell as unknown:
            self._verdict("drill.files", Outcome.UNKNOWN, unknown.sentence)

    def tear_down(self) -> None:
        """End the clones and remove them, and look whether production and the repositories are as they were.

        Raises:
            CouldNotTell: something cannot be removed.
        """
        reaper.end_processes(self.place)
        tasks: list[Callable[[], None]] = [partial(reaper.remove, self.place), self._judge_isolation]
        at_once(tasks, give_up=_wait)

    def conclude(self) -> tuple[CheckResult, ...]:
        """Every check's answer, the objectives last, since they need all of the time."""
        seconds = self.clock.seconds
        rto = rto_seconds(seconds)
        if rto is not None and "rpo_seconds" in self.numbers:
            self.numbers["rto_seconds"] = round(rto, 3)
        if seconds.get(Phase.FETCH) and "fetched_bytes" in self.numbers:
            self.numbers["fetch_bytes_per_second"] = round(self.numbers["fetched_bytes"] / seconds[Phase.FETCH])
        self.numbers |= {f"{phase}_seconds": round(took, 3) for phase, took in seconds.items()}
        drills = self.settings.drills
        self._answer(
            judge_objectives(self.numbers, drills.rto_target_seconds, drills.rpo_target_seconds, self._broke_off)
        )
        return tuple(self._verdicts.get(name) or CheckResult(name, Outcome.UNKNOWN, self._broke_off) for name in CHECKS)

    def _compare(self, clone: Clone) -> Sequence[comparison.Difference]:
        fence = self.fences[clone.cluster.name]
        return comparison.compare(clone, fence) if fence.counts is not None else ()

    def _go_on(self, clone: Clone) -> None:
        limit = self.settings.drills.phase_timeout_seconds
        clone.stop(timeout=limit)
        clone.forget_target()
        clone.start(timeout=limit)

    def _archived(self, cluster: ClusterSettings) -> None:
        point = self._points[cluster.name]
        await_archived(
            cluster,
            self.fences[cluster.name],
            self._pgbackrest(cluster),
            self.repository,
            point.backup.archive_id,
            segment_bytes=point.production.segment_bytes,
            timeout=ARCHIVE_SECONDS,
        )

    def _expected_end(self, cluster: ClusterSettings) -> int:
        """The LSN (bytes) that replay must reach: all that production had archived when the disaster was declared."""
        production = self._points[cluster.name].production
        fence = self.fences[cluster.name]
        with connect(cluster) as connection:
            row = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()
        archived = row[0] if row and row[0] else ""
        newest = parse_segment(fence.segment, production.segment_bytes)
        if len(archived) == 24:
            newest = max(newest, parse_segment(archived, production.segment_bytes))
        # Where within its newest segment production's WAL ends is not known. A clone that lacks just this segment ends
        # exactly where it begins; one that has it comes further.
        return max(parse_lsn(fence.end_lsn), newest.number * production.segment_bytes + 1)

    def _require_space(self) -> None:
        needed = sum(required_bytes(one.backup, one.production.segment_bytes) for one in self._points.values())
        free = shutil.disk_usage(self.place).free
        if needed > free:
            raise CouldNotTell(
                f"the clones need {needed:,} bytes below {self.place.parent}, and only {free:,} are free",
                "make room there, or let drills.directory name a larger disk",
            )

    def _look_around(self, production: Mapping[str, Production]) -> IsolationState:
        tasks: list[Callable[[], RepositoryState]] = [
            partial(repository_state, self._pgbackrest(cluster), number)
            for cluster in self.settings.cluster
            for number in cluster.repositories
        ]
        return IsolationState(production, at_once(tasks, give_up=_wait))

    def _look_or_not(self, look: Callable[[], IsolationState]) -> Callable[[], None]:
        """Looking around, as a task that fails only its own check."""

        def task() -> None:
            try:
                self._before = look()
            except CouldNotTell as unknown:
                self._verdict(
                    "drill.isolation", Outcome.UNKNOWN, f"what was there before is not known: {unknown.sentence}"
                )

        return task

    def _judge_isolation(self) -> None:
        if self._before is None:
            return
        try:
            now = dict(zip(self.clusters, self._each(ask_production), strict=True))
            found = changes(self._before, self._look_around(now))
        except CouldNotTell as unknown:
            self._verdict("drill.isolation", Outcome.UNKNOWN, f"what is there after is not known: {unknown.sentence}")
            return
        if found:
            self._verdict("drill.isolation", Outcome.FAIL, "changed during the drill: " + "; ".join(found))
        else:
            listed = sum(len(one.files) for one in self._before.repositories)
            detail = f"{listed:,} files of the repositories, slots, subscriptions and timelines are as they were"
            self._verdict("drill.isolation", Outcome.PASS, detail)

    def _each(self, task: Callable[[ClusterSettings], Result]) -> list[Result]:
        tasks: list[Callable[[], Result]] = [partial(task, cluster) for cluster in self.settings.cluster]
        return at_once(tasks, give_up=self._give_up)

    def _each_clone(self, task: Callable[[Clone], Result]) -> list[Result]:
        tasks: list[Callable[[], Result]] = [partial(task, clone) for clone in self._clones.values()]
        return at_once(tasks, give_up=self._give_up)

    def _give_up(self) -> None:
        reaper.end_processes(self.place)

    def _pgbackrest(self, cluster: ClusterSettings) -> PgBackRest:
        return PgBackRest(cluster, self._programs, config=cluster.drill_pgbackrest_config)

    def _heartbeat_key(self, cluster: ClusterSettings) -> str:
        return f"cluster[{self.settings.cluster.index(cluster)}].heartbeat"

    def _note(self, cluster: ClusterSettings, **parts: object) -> None:
        self.clusters[cluster.name] = replace(self.clusters[cluster.name], **parts)  # type: ignore[arg-type]

    def _answer(self, result: CheckResult) -> None:
        self._verdicts[result.check] = result
        self.numbers |= result.numbers

    def _verdict(self, check: str, outcome: Outcome, detail: str) -> None:
        self._answer(CheckResult(check, outcome, detail))


def newest_backup(pgbackrest: PgBackRest, repository: int) -> Backup:
    """The newest base backup of a cluster in a repository.

    Raises:
        NoBackupForTarget: there is none.
        CouldNotTell: the repository cannot be asked.
    """
    info = pgbackrest.info(repository)
    found = info.in_repository(repository)
    if found:
        return found[-1]
    status = info.status_of(repository)
    name = pgbackrest.cluster.name
    if status.code in (1, 2):
        raise NoBackupForTarget(
            f"there is no base backup of {name} in repo{repository} ({status.message})", f"printflow backup run {name}"
        )
    raise CouldNotTell(f"repo{repository} of {name} cannot be read: {status.message}", f"printflow backup list {name}")


def judge_objectives(
    numbers: Mapping[str, int | float], rto_target: float, rpo_target: float, not_known: str
) -> CheckResult:
    """Compare what was measured with what was promised; one objective that is missed is certain by itself."""
    if "rto_seconds" not in numbers and "rpo_seconds" not in numbers:
        return CheckResult("drill.objectives", Outcome.UNKNOWN, not_known)
    parts, outcomes = [], []
    for name, target in (("rto_seconds", rto_target), ("rpo_seconds", rpo_target)):
        word = name.partition("_")[0].upper()
        if name not in numbers:
            outcomes.append(Outcome.UNKNOWN)
            parts.append(f"{word} not known ({not_known})")
        else:
            met = numbers[name] <= target
            outcomes.append(Outcome.PASS if met else Outcome.FAIL)
            parts.append(f"{word} {numbers[name]:.1f} s, target {target:g} s" + ("" if met else ": missed"))
    outcome = Outcome.FAIL if Outcome.FAIL in outcomes else max(outcomes, key=lambda one: one is Outcome.UNKNOWN)
    return CheckResult("drill.objectives", outcome, "; ".join(parts))


def make_place(place: Path, settings: Settings) -> None:
    """Make the drill's directory, marked as one that a reaper may remove."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir(mode=0o711)
    settings.runner().own(place)
    (place / reaper.MARKER).write_text(json.dumps({"pid": os.getpid()}) + "\n", encoding="utf-8")


def _wait() -> None:
    """Give nothing up: it ends soon by itself."""
