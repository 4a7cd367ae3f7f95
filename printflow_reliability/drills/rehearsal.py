"""The rehearsal itself: find, fence, fetch, start, replay, promote, validate, files; one method each, in this order.

Clusters go through each phase together, since a recovery is over when the last of them is. Verdicts are collected on
the way; what breaks a phase off ends the rehearsal, and what was not reached is "could not tell".
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import psycopg

from printflow_reliability.backups.pgbackrest import NoBackupForTarget, RepositoryDamaged
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.drills import at_fence, measures
from printflow_reliability.drills.answers import Answers
from printflow_reliability.drills.clusters import Clusters
from printflow_reliability.drills.fences import comparison
from printflow_reliability.drills.fences.make import QUIET_SECONDS, make_fences
from printflow_reliability.drills.isolation_check import IsolationCheck
from printflow_reliability.drills.report import ClusterReport
from printflow_reliability.drills.validation import links, smoke
from printflow_reliability.drills.validation.clone_inventory import check_inventory
from printflow_reliability.drills.validation.one_tenant import rehearse_one
from printflow_reliability.drills.validation.page_checksums import check_pages
from printflow_reliability.drills.validation.recovered_files import check_files
from printflow_reliability.drills.write_probe import refuse_writers
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.quiet import quieten
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.fence_store import FenceStore
from printflow_reliability.restore.phases import Phase, PhaseClock
from printflow_reliability.restore.plan import Plan, make_plan, require_known_tablespaces
from printflow_reliability.restore.production import newest_heartbeat
from printflow_reliability.restore.replay import RecoveryShort
from printflow_reliability.restore.restoration import Restoration
from printflow_reliability.restore.targets import Target
from printflow_reliability.restore.validation.validate import validate
from printflow_reliability.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Found:
    """What the first phase found out, and all others need."""

    plan: Plan
    restoration: Restoration
    isolation: IsolationCheck


class Rehearsal:
    """One drill's rehearsal.

    Attributes:
        id: the drill's number.
        place: the drill's own directory.
        made: whether that directory is there.
        clock: the phases so far.
        answers: what was found so far.
        clusters: each cluster's part so far, by name.
        matched: whether the clones agreed with production at the fence.
        plan: what it is going to do; None until that was found.
        heal_plan: lines of JSON, one for each file that would have to be brought back.
        newest_fence: the name of the newest fences that the drill knows; None if it did not come so far.
    """

    def __init__(
        self, settings: Settings, id: int, target: Target, repository: int, clock: PhaseClock, fence_store: FenceStore
    ) -> None:
        self.settings = settings
        self.id = id
        self.target = target
        self.repository = repository
        self.place = settings.drills.directory / str(id)
        self.clock = clock
        self.made = False
        self.answers = Answers(settings.acknowledged)
        self.clusters = {cluster.name: ClusterReport(cluster.name) for cluster in settings.cluster}
        self.matched: bool | None = None
        self.plan: Plan | None = None
        self.heal_plan: tuple[str, ...] = ()
        self.newest_fence: str | None = None
        self._fence_store = fence_store
        self._clusters = Clusters(settings, repository, self.place)
        self._fences: Mapping[str, Fence] = {}
        self._later: Mapping[str, Fence] = {}
        self._found: _Found | None = None
        self._declared: dict[str, datetime] = {}
        self._expected: Mapping[str, int] = {}
        self._reached = Phase.FIND

    def make(self) -> None:
        """Make the drill's directory.

        Raises:
            ConfigError: it exists, or cannot be made.
        """
        reaper.make(self.place, self.settings)
        self.made = True

    def run(self, tell: Callable[[Phase], None]) -> None:
        """Go through the phases until the last, or until one breaks off.

        Args:
            tell: hears of each phase as it begins.

        Raises:
            ConfigError, LockHeld: nothing can be said until that is mended.
        """
        steps = (
            (Phase.FIND, self.find),
            (Phase.FENCE, self.fence),
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
                self._reached = phase
                tell(phase)
                with self.clock.measure(phase):
                    step()
        except (RecoveryShort, RepositoryDamaged, NoBackupForTarget, Refused) as failed:
            self.answers.verdict("drill.recovery", Outcome.FAIL, failed.sentence)
            self.answers.break_off("not reached: the recovery failed before")
        except psycopg.Error as error:
            self.answers.refused(error, self._reached, of_clone=self._among_clones)
        except CouldNotTell as unknown:
            log.warning("drill %s broke off in %s: %s", self.id, self._reached, unknown.what)
            self.break_off(unknown.sentence)

    def break_off(self, why: str) -> None:
        """Say of everything that was not reached why that is so."""
        self.answers.break_off(f"not reached; {self._reached} broke off: {why}")

    def find(self) -> None:
        """Find out who the clusters are, what the repository has of them, and how far to go."""
        if self.settings.drills.ask_production:
            links.require_readable(self.settings)
            smoke.require_readable(self.settings)
        productions, now = self._clusters.identify(self._fence_store.newest)
        found = self._clusters.backups(productions)
        self.plan = make_plan(
            self.target,
            productions,
            found,
            self.repository,
            now,
            self._fence_store.between,
            fence_now=self.settings.drills.ask_production,
        )
        require_known_tablespaces(self.plan, self._clusters.tablespaces_of)
        self._found = _Found(
            self.plan,
            Restoration(self.settings, self.place, self.repository, self.plan),
            IsolationCheck(self.settings, productions, self._clusters.pgbackrest),
        )
        self._restored.require_programs()
        self._restored.require_space()
        for name, point in self.plan.points.items():
            self._note(name, backup=point.backup.label)

    def fence(self) -> None:
        """Refuse writers; look at what must not change; make the fences."""
        plan, isolation = self._known.plan, self._known.isolation
        if self.settings.drills.ask_production:
            self.answers.unarchived = self._clusters.unarchived()
            self.answers.numbers["unarchived_seconds"] = round(max(one.seconds for one in self.answers.unarchived), 3)
        made: list[tuple[Fence, ...]] = []

        def make() -> None:
            productions = {name: point.production for name, point in plan.points.items()}
            fences = make_fences(
                productions,
                self.settings.cluster,
                f"printflow-drill-{self.id}",
                quiet_seconds=QUIET_SECONDS,
                digest_bytes=self.settings.drills.digest_max_bytes,
            )
            made.append(fences)

        def refuse() -> None:
            clusters = [self._clusters.pgbackrest(one) for one in self.settings.cluster]
            isolation.unprovable = refuse_writers(
                clusters, self._restored.confined_programs(), self.repository, self._clusters.give_up
            )

        # Side by side, since a repository whose server is dead keeps two of them waiting.
        tasks = [isolation.look_before, refuse, *((make,) if self.settings.drills.ask_production else ())]
        run_parallel(tasks, give_up=self._clusters.give_up)
        self._later = {fence.cluster: fence for fences in made for fence in fences}
        for fence in self._later.values():
            self._fence_store.keep(fence)
        self._fences = plan.fences if plan.moment is not None or not self._later else self._later
        if plan.moment is not None and not self._later:
            newest = self._fence_store.newest()
            self._later = {name: one for name, one in newest.items() if one.taken_at >= plan.moment}
        for name, fence in self._fences.items():
            exact = fence.counts is not None
            self._note(
                name,
                fence_lsn=fence.lsn,
                tables=fence.tables if exact else None,
                rows=fence.rows if exact else None,
            )

    def fetch(self) -> None:
        """The disaster is declared: restore every cluster out of the repository.

        Meanwhile the fence's WAL is archived, which takes seconds that a drill need not wait for.
        """
        plan = self._known.plan
        self._declared = {name: plan.moment or datetime.now(UTC) for name in self.clusters}
        if self._later and plan.moment is None:
            self._declared = dict(self._clusters.clocks())
        over = threading.Event()
        with ThreadPoolExecutor(max_workers=1) as pool:
            made = self._later if self.settings.drills.ask_production else {}
            archived = pool.submit(self._clusters.await_archived, plan, made, over) if made else None
            try:
                self._restored.fetch(self._fences)
                with self.clock.measure(Phase.FENCE):
                    if archived is not None:
                        archived.result()
            finally:
                over.set()
        self._expected = self._clusters.expected_ends(plan, self._fences, self._later, self._restored.clones)
        for name, fetched in self._restored.fetched_bytes.items():
            self._note(name, fetched_bytes=fetched)
        self.answers.numbers["fetched_bytes"] = sum(self._restored.fetched_bytes.values())

    def start(self) -> None:
        """Start the clones; each answers once it is consistent."""
        self._known.isolation.confined_by = self._restored.confined_by
        self._restored.start()

    def replay_to_fence(self) -> None:
        """Replay up to the restore points."""
        self._restored.replay_to_fence()

    def compare_at_fence(self) -> None:
        """Count in the clones, then let them go on: a real recovery would not have stopped here."""
        if not self._fences:
            for answer in at_fence.without_fence():
                self.answers.give(answer)
            return
        clones, newest = tuple(self._restored.clones.values()), self._later or self._fences
        self.newest_fence = next(iter(newest.values())).name
        self.answers.give(links.check_links(self.settings, self._restored.connector))
        self.answers.give(check_inventory(clones, self._fences))
        self.answers.give(at_fence.shrunk(newest, self._fence_store.baseline, self.settings.drills))
        compared = comparison.judge(clones, self._fences, self._clusters.give_up)
        self.answers.give(compared)
        self.matched = {Outcome.PASS: True, Outcome.WARN: True, Outcome.FAIL: False}.get(compared.outcome)
        self._restored.stop()
        # Stopped anyway: this is when a clone's pages can be read as they lie on disk.
        limit = self.settings.drills.phase_timeout_seconds
        self.answers.give(check_pages(clones, timeout=limit, give_up=self._clusters.give_up))
        self._restored.go_on()

    def replay_to_end(self) -> None:
        """Replay to the moment, or all WAL that is in the repository."""
        self._restored.replay_to_end(self._later)

    def promote(self) -> None:
        """Wait for promotion and a first write, and see how far the clones came."""
        plan = self._known.plan
        promoted = self._restored.promote(self._expected, self._later)
        ended = quieten(self._restored.clones.values())
        for name, reached in promoted.items():
            cluster = self._restored.clones[name].cluster
            key = self._clusters.heartbeat_key(cluster)
            heartbeat = newest_heartbeat(cluster, key=key, connect_with=self._restored.connector)
            backup, fence = plan.points[name].backup, self._fences.get(name)
            self.clusters[name] = measures.recovered(self.clusters[name], reached, backup, heartbeat, fence)
        parts, numbers = self.clusters.values(), self.answers.numbers
        numbers["replayed_bytes"] = sum(one.replayed_bytes or 0 for one in parts)
        unarchived = numbers.get("unarchived_seconds", 0.0) if plan.moment is None else 0.0
        lost = measures.lost_seconds(parts, self._declared, unarchived)
        if lost is not None:
            numbers["rpo_seconds"] = lost
        reached_all = ", ".join(f"{one.name} to {one.reached_lsn}" for one in parts)
        where = f"{plan.moment:%Y-%m-%d %H:%M:%S} UTC" if plan.moment else "the end of WAL"
        detail = f"replayed to {where} ({reached_all}), promoted, written to{ended}"
        self.answers.verdict("drill.recovery", Outcome.PASS, detail)

    def validate(self) -> None:
        """Check what must hold before anybody is let in."""
        limit = self.settings.drills.phase_timeout_seconds
        for result in validate(tuple(self._restored.clones.values()), timeout=limit, give_up=self._clusters.give_up):
            self.answers.give(result)
        self.answers.give(smoke.check_smoke(self.settings, self._restored.connector))

    def files(self) -> None:
        """Check the clones' references against the bucket."""
        try:
            found = check_files(self.settings, self._restored.connector, self._known.plan.moment, self.place)
            self.answers.give(found.result)
            self.heal_plan = tuple(found.plan_lines())
        except Refused as refused:
            self.answers.verdict("drill.files", Outcome.FAIL, refused.sentence)
        except (CouldNotTell, ConfigError) as unknown:
            self.answers.verdict("drill.files", Outcome.UNKNOWN, unknown.sentence)
        self.answers.give(rehearse_one(self.settings, self._restored.clones))

    def tear_down(self, *, look: bool) -> None:
        """End the clones and remove them; then look whether production and the repositories are as they were.

        Args:
            look: whether to look; somebody who interrupts a drill does not wait for two more listings.

        Raises:
            CouldNotTell: something cannot be removed.
        """
        reaper.end_processes(self.place)
        tasks: list[Callable[[], None]] = [partial(reaper.remove, self.place)]
        if look and self._found is not None:
            judge = self._found.isolation.judge
            tasks.append(lambda: self.answers.give(judge()))
        run_parallel(tasks)

    def conclude(self) -> tuple[CheckResult, ...]:
        """Every check's answer."""
        return self.answers.conclude(self.clock.seconds, self.settings.drills)

    @property
    def _among_clones(self) -> bool:
        """Whether statements are meant for the clones: while they are fetched, production is still asked."""
        return self._reached is not Phase.FETCH and self._found is not None and bool(self._restored.clones)

    @property
    def _known(self) -> "_Found":
        if self._found is None:
            raise RuntimeError("the drill has no plan yet")
        return self._found

    @property
    def _restored(self) -> Restoration:
        return self._known.restoration

    def _note(self, cluster: str, **parts: object) -> None:
        self.clusters[cluster] = replace(self.clusters[cluster], **parts)  # type: ignore[arg-type]
