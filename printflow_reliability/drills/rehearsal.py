"""The rehearsal itself: find, fence, fetch, start, replay, promote, validate, files; one method each, in this order.

Clusters go through each phase together, since a recovery is over when the last of them is. Verdicts are collected on
the way; what breaks a phase off ends the rehearsal, and what was not reached is "could not tell".
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import psycopg

from printflow_reliability.backups.info import Backup, StanzaInfo
from printflow_reliability.backups.pgbackrest import NoBackupForTarget, PgBackRest, RepositoryDamaged
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.drills.answers import Answers
from printflow_reliability.drills.at_once import at_once
from printflow_reliability.drills.clones import reaper
from printflow_reliability.drills.clones.expected_end import archived_by_production, archived_in_repository
from printflow_reliability.drills.clones.replay import RecoveryShort
from printflow_reliability.drills.clones.restoration import Restoration
from printflow_reliability.drills.fences import comparison
from printflow_reliability.drills.fences.fence import QUIET_SECONDS, Fence, await_archived, make_fences
from printflow_reliability.drills.fences.unarchived import look_at_unarchived
from printflow_reliability.drills.phases import Phase, PhaseClock
from printflow_reliability.drills.plan import Plan, StoredFences, backups_in, make_plan, require_same_cluster
from printflow_reliability.drills.production import Production, ask_production, newest_heartbeat, production_clock
from printflow_reliability.drills.report import ClusterReport
from printflow_reliability.drills.surroundings import Surroundings
from printflow_reliability.drills.targets import Target
from printflow_reliability.drills.validation import links, shrinkage, smoke
from printflow_reliability.drills.validation.page_checksums import check_pages
from printflow_reliability.drills.validation.recovered_files import check_files
from printflow_reliability.drills.validation.validate import check_inventory, validate
from printflow_reliability.drills.write_probe import refuse_writers
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.platform.connect import said
from printflow_reliability.platform.damage import is_damage
from printflow_reliability.platform.tenancy import tenants
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.tenants.rehearsal import RehearsedPart, rehearse

log = logging.getLogger(__name__)

ARCHIVE_SECONDS = 120.0
"""How long the fence's segment may take into the repository."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Memory:
    """What a rehearsal asks of the records: fences to compare with, and where to keep those that it makes."""

    stored: StoredFences
    baseline: Callable[[datetime], Mapping[str, Fence]]
    keep: Callable[[Fence], None]
    newest: Callable[[], Mapping[str, Fence]]


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
        self, settings: Settings, id: int, target: Target, repository: int, clock: PhaseClock, memory: Memory
    ) -> None:
        self.settings = settings
        self.id = id
        self.target = target
        self.repository = repository
        self.place = settings.drills.directory / str(id)
        self.clock = clock
        self.made = False
        self.answers = Answers()
        self.clusters = {cluster.name: ClusterReport(cluster.name) for cluster in settings.cluster}
        self.matched: bool | None = None
        self.plan: Plan | None = None
        self.heal_plan: tuple[str, ...] = ()
        self.newest_fence: str | None = None
        self._memory = memory
        self._surroundings: Surroundings | None = None
        self._fences: Mapping[str, Fence] = {}
        self._later: Mapping[str, Fence] = {}
        self._restoration: Restoration | None = None
        self._declared: dict[str, datetime] = {}
        self._expected: dict[str, int] = {}
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
            self._judge_refused(error)
        except CouldNotTell as unknown:
            log.warning("drill %s broke off in %s: %s", self.id, self._reached, unknown.what)
            self.break_off(unknown.sentence)

    def break_off(self, why: str) -> None:
        """Say of everything that was not reached why that is so."""
        self.answers.break_off(f"not reached; {self._reached} broke off: {why}")

    def _judge_refused(self, error: psycopg.Error) -> None:
        """A server refused a statement of ours. Only damage that a clone met says something of the backups."""
        if is_damage(error) and self._among_clones:
            next_step = "Next: printflow backup verify"
            self.answers.verdict("drill.recovery", Outcome.FAIL, f"a clone is damaged: {said(error)}. {next_step}")
            self.answers.break_off("not reached: a clone is damaged")
            return
        where = "a clone" if self._among_clones else "production"
        log.warning("drill %s broke off in %s: %s", self.id, self._reached, said(error))
        self.break_off(f"{where} refused a statement of the drill: {said(error)}. Next: printflow drill run")

    def find(self) -> None:
        """Find out who the clusters are, what the repository has of them, and how far to go."""
        if self.settings.drills.ask_production:
            links.require_readable(self.settings)
            smoke.require_readable(self.settings)
            productions = dict(zip(self.clusters, self._each(self._ask), strict=True))
            now = max(self._each(production_clock))
        else:
            fences = self._memory.newest()
            if not fences:
                raise CouldNotTell(
                    "no fence was ever recorded, so who the clusters are is not known without asking them",
                    "printflow drill fence, where production can be reached",
                )
            productions, now = {name: fence.production for name, fence in fences.items()}, datetime.now(UTC)
        found: dict[str, tuple[Backup, ...]] = {}
        answers: list[tuple[StanzaInfo, tuple[Backup, ...]]] = self._each(
            lambda cluster: backups_in(self._pgbackrest(cluster), self.repository)
        )
        for cluster, (info, backups) in zip(self.settings.cluster, answers, strict=True):
            require_same_cluster(productions[cluster.name], info, self.repository)
            found[cluster.name] = backups
        self.plan = make_plan(
            self.target,
            productions,
            found,
            self.repository,
            now,
            self._memory.stored,
            fence_now=self.settings.drills.ask_production,
        )
        self._restoration = Restoration(self.settings, self.place, self.repository, self.plan)
        self._restoration.require_space()
        self._surroundings = Surroundings(self.settings, productions, self._pgbackrest)
        for name, point in self.plan.points.items():
            self._note(name, backup=point.backup.label)

    def fence(self) -> None:
        """Refuse writers; look at what must not change; make the fences."""
        plan, surroundings = self._planned, self._known_surroundings
        if self.settings.drills.ask_production:
            self.answers.unarchived = self._each(
                lambda cluster: look_at_unarchived(cluster, heartbeat_key=self._heartbeat_key(cluster))
            )
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
            clusters = [self._pgbackrest(one) for one in self.settings.cluster]
            surroundings.unprovable = refuse_writers(clusters, self.settings.runner(), self.repository, self._give_up)

        # Side by side, since a repository whose server is dead keeps two of them waiting.
        tasks = [surroundings.look_before, refuse, *((make,) if self.settings.drills.ask_production else ())]
        at_once(tasks, give_up=self._give_up)
        self._later = {fence.cluster: fence for fences in made for fence in fences}
        for fence in self._later.values():
            self._memory.keep(fence)
        self._fences = plan.fences if plan.moment is not None or not self._later else self._later
        if plan.moment is not None and not self._later:
            newest = self._memory.newest()
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
        plan = self._planned
        self._declared = {name: plan.moment or datetime.now(UTC) for name in self.clusters}
        if self._later and plan.moment is None:
            self._declared = dict(zip(self.clusters, self._each(production_clock), strict=True))
        over = threading.Event()
        with ThreadPoolExecutor(max_workers=1) as pool:
            archived = pool.submit(self._await_archived, over)
            try:
                self._restored.fetch(self._fences)
                with self.clock.measure(Phase.FENCE):
                    archived.result()
            finally:
                over.set()
        self._expected = dict(zip(self.clusters, self._each(self._expected_end), strict=True))
        for name, fetched in self._restored.fetched_bytes.items():
            self._note(name, fetched_bytes=fetched)
        self.answers.numbers["fetched_bytes"] = sum(self._restored.fetched_bytes.values())

    def start(self) -> None:
        """Start the clones; each answers once it is consistent."""
        self._restored.start()

    def replay_to_fence(self) -> None:
        """Replay up to the restore points."""
        self._restored.replay_to_fence()

    def compare_at_fence(self) -> None:
        """Count in the clones, then let them go on: a real recovery would not have stopped here."""
        if not self._fences:
            reason = "no fence was recorded between the oldest backup and the target, so rows cannot be compared"
            self.answers.verdict("drill.fence", Outcome.UNKNOWN, f"{reason}. Next: printflow drill fence, every night")
            for check in ("drill.links", "drill.inventory", "drill.checksums", "drill.shrinkage"):
                self.answers.verdict(
                    check, Outcome.UNKNOWN, "the clones never stood still at a fence, since there was none"
                )
            return
        self.answers.give(links.check_links(self.settings, self._restored.connector))
        clones = tuple(self._restored.clones.values())
        self.answers.give(check_inventory(clones, self._fences))
        drills = self.settings.drills
        newest = self._later or self._fences
        self.newest_fence = next(iter(newest.values())).name
        try:
            before = self._memory.baseline(min(fence.taken_at for fence in newest.values()))
            self.answers.give(shrinkage.judge(before, newest, drills.shrink_threshold, drills.shrink_ignored))
        except CouldNotTell as unknown:
            self.answers.verdict("drill.shrinkage", Outcome.UNKNOWN, unknown.sentence)
        compared = comparison.judge(clones, self._fences, self._give_up)
        self.answers.give(compared)
        self.matched = {Outcome.PASS: True, Outcome.FAIL: False}.get(compared.outcome)
        self._restored.stop()
        # Stopped anyway: this is when a clone's pages can be read as they lie on disk.
        self.answers.give(check_pages(clones, timeout=drills.phase_timeout_seconds, give_up=self._give_up))
        self._restored.go_on()

    def replay_to_end(self) -> None:
        """Replay to the moment, or all WAL that is in the repository."""
        self._restored.replay_to_end(self._later)

    def promote(self) -> None:
        """Wait for promotion and a first write, and see how far the clones came."""
        plan = self._planned
        for name, reached in self._restored.promote(self._expected, self._later).items():
            clone = self._restored.clones[name]
            began = plan.points[name].backup.lsn_start
            heartbeat = newest_heartbeat(clone.settings, key=self._heartbeat_key(clone.cluster))
            # The state at the fence was recovered too, so its moment was, with or without a heartbeat after it.
            at_fence = self._fences[name].taken_at if name in self._fences else None
            moments = [at for at in (heartbeat, at_fence) if at is not None]
            self._note(
                name,
                reached_lsn=reached.reached_lsn,
                timeline=reached.timeline,
                replayed_bytes=parse_lsn(reached.reached_lsn) - parse_lsn(began) if began else None,
                recovered_at=max(moments, default=None),
            )
        parts = self.clusters.values()
        self.answers.numbers["replayed_bytes"] = sum(one.replayed_bytes or 0 for one in parts)
        lost = [(self._declared[one.name] - one.recovered_at).total_seconds() for one in parts if one.recovered_at]
        if lost:
            # The fence itself sent WAL on its way; a disaster just before it would have taken that along.
            unaided = self.answers.numbers.get("unarchived_seconds", 0.0) if plan.moment is None else 0.0
            self.answers.numbers["rpo_seconds"] = round(max(0.0, unaided, *lost), 3)
        reached_all = ", ".join(f"{one.name} to {one.reached_lsn}" for one in parts)
        where = f"{plan.moment:%Y-%m-%d %H:%M:%S} UTC" if plan.moment else "the end of WAL"
        self.answers.verdict(
            "drill.recovery", Outcome.PASS, f"replayed to {where} ({reached_all}), promoted, written to"
        )

    def validate(self) -> None:
        """Check what must hold before anybody is let in."""
        limit = self.settings.drills.phase_timeout_seconds
        for result in validate(tuple(self._restored.clones.values()), timeout=limit, give_up=self._give_up):
            self.answers.give(result)
        self.answers.give(smoke.check_smoke(self.settings, self._restored.connector))

    def files(self) -> None:
        """Check the clones' references against the bucket."""
        try:
            found = check_files(self.settings, self._restored.connector, self._planned.moment, self.place)
            self.answers.give(found.result)
            self.heal_plan = tuple(found.plan_lines())
        except Refused as refused:
            self.answers.verdict("drill.files", Outcome.FAIL, refused.sentence)
        except CouldNotTell as unknown:
            self.answers.verdict("drill.files", Outcome.UNKNOWN, unknown.sentence)

        self.answers.give(self._rehearse_tenant())

    def _rehearse_tenant(self) -> CheckResult:
        """Lose and bring back one tenant's rows in the clone, another tenant every time."""
        tenancy, clones = self.settings.tenancy, self._restored.clones
        try:
            known = tenants(self.settings, connect_with=self._restored.connector)
        except CouldNotTell as unknown:
            return CheckResult("drill.tenant", Outcome.UNKNOWN, unknown.sentence)
        if not known:
            return CheckResult("drill.tenant", Outcome.UNKNOWN, "the clone knows no tenant to bring back")
        chosen = random.choice(known)  # noqa: S311 - not a secret
        parts = [
            RehearsedPart(rows, clones[rows.cluster].connect, partial(clones[rows.cluster].connect, read_only=False))
            for _, rows in tenancy.parts
        ]
        return rehearse(parts, chosen.id)

    def tear_down(self, *, look: bool) -> None:
        """End the clones and remove them; then look whether production and the repositories are as they were.

        Args:
            look: whether to look; somebody who interrupts a drill does not wait for two more listings.

        Raises:
            CouldNotTell: something cannot be removed.
        """
        reaper.end_processes(self.place)
        looks = [self._judge_isolation] if look else []
        tasks: list[Callable[[], None]] = [partial(reaper.remove, self.place), *looks]
        at_once(tasks, give_up=_wait)

    def left_behind(self, why: str) -> None:
        """A copy of production stays on this machine's disk: a person has to remove it."""
        judged = self.answers.given("drill.isolation")
        outcome = worst((judged.outcome, Outcome.WARN)) if judged else Outcome.UNKNOWN
        detail = f"the clones are still in {self.place}: {why}" + (f"; {judged.detail}" if judged else "")
        self.answers.verdict("drill.isolation", outcome, detail)

    def conclude(self) -> tuple[CheckResult, ...]:
        """Every check's answer."""
        return self.answers.conclude(self.clock.seconds, self.settings.drills)

    @property
    def _among_clones(self) -> bool:
        """Whether statements are meant for the clones: while they are fetched, production is still asked."""
        return self._reached is not Phase.FETCH and self._restoration is not None and bool(self._restoration.clones)

    @property
    def _planned(self) -> Plan:
        if self.plan is None:
            raise RuntimeError("the drill has no plan yet")
        return self.plan

    @property
    def _restored(self) -> Restoration:
        if self._restoration is None:
            raise RuntimeError("the drill has no plan yet")
        return self._restoration

    @property
    def _known_surroundings(self) -> Surroundings:
        if self._surroundings is None:
            raise RuntimeError("the drill has no plan yet")
        return self._surroundings

    def _ask(self, cluster: ClusterSettings) -> Production:
        production = ask_production(cluster)
        newest_heartbeat(cluster, key=self._heartbeat_key(cluster))
        return production

    def _await_archived(self, over: threading.Event) -> None:
        """Wait until the fences that were made in production are in the repository."""
        if not self.settings.drills.ask_production:
            return

        def wait(cluster: ClusterSettings) -> None:
            point = self._planned.points[cluster.name]
            await_archived(
                cluster,
                self._later[cluster.name],
                self._pgbackrest(cluster),
                self.repository,
                point.backup.archive_id,
                segment_bytes=point.production.segment_bytes,
                timeout=ARCHIVE_SECONDS,
                over=over,
            )

        self._each(wait)

    def _expected_end(self, cluster: ClusterSettings) -> int:
        """The LSN (bytes) that replay must reach at least."""
        plan, name = self._planned, cluster.name
        point, fence = plan.points[name], self._fences.get(name)
        if plan.moment is not None:
            # That the moment itself was reached is read from PostgreSQL's log, or proven by a later fence.
            start = fence.lsn if fence else point.backup.lsn_stop
            return parse_lsn(start) if start else 0
        if name in self._later:
            return archived_by_production(cluster, self._later[name], point.production.segment_bytes)
        return archived_in_repository(self._pgbackrest(cluster), self.repository, point)

    def _judge_isolation(self) -> None:
        if self._surroundings is not None:
            self.answers.give(self._surroundings.judge())

    def _each(self, task: Callable[[ClusterSettings], Result]) -> list[Result]:
        tasks: list[Callable[[], Result]] = [partial(task, cluster) for cluster in self.settings.cluster]
        return at_once(tasks, give_up=self._give_up)

    def _give_up(self) -> None:
        reaper.end_processes(self.place)

    def _pgbackrest(self, cluster: ClusterSettings) -> PgBackRest:
        return PgBackRest(cluster, self.settings.runner(), config=cluster.drill_pgbackrest_config)

    def _heartbeat_key(self, cluster: ClusterSettings) -> str:
        return f"cluster[{self.settings.cluster.index(cluster)}].heartbeat"

    def _note(self, cluster: str, **parts: object) -> None:
        self.clusters[cluster] = replace(self.clusters[cluster], **parts)  # type: ignore[arg-type]


def _wait() -> None:
    """Give nothing up: it ends soon by itself."""
