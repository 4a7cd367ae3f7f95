"""Disaster mode: the drill's own recovery, kept. It needs the repository alone: no production, no records."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from printflow_reliability.acknowledged import acknowledge
from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.checks import CheckResult
from printflow_reliability.platform.queries import Connector
from printflow_reliability.recovery.bring_up import Tell, bring_up
from printflow_reliability.recovery.recovery_point import (
    KnownFences,
    RecoveryPoint,
    check_recovery_points,
    known_fences,
    recovery_point,
)
from printflow_reliability.recovery.rollback_offer import reached_moment, rollback_command
from printflow_reliability.recovery.without_production import plan_without_production
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.configuration import PORT
from printflow_reliability.restore.clones.quiet import quieten
from printflow_reliability.restore.interrupts import Interrupts
from printflow_reliability.restore.phases import Phase, PhaseClock
from printflow_reliability.restore.plan import Plan
from printflow_reliability.restore.replay import format_lsn, short_of
from printflow_reliability.restore.requirements import require_programs_and_space
from printflow_reliability.restore.restoration import Restoration
from printflow_reliability.restore.tablespaces import TablespaceRules, allowed_tablespaces
from printflow_reliability.restore.targets import Target
from printflow_reliability.restore.validation.composition import check_recovered
from printflow_reliability.restore.validation.validate import validate
from printflow_reliability.settings import Settings

ALLOW = (
    "printflow backup run {cluster}, since a new base backup knows it; or, on a host where nothing of production "
    "lives, make the empty directory {path} and recover with --allow-tablespace {path}"
)
ELSEWHERE = "on a host where nothing of production lives: printflow recover --into DIR --allow-tablespace {path}"
"""A past moment gets no other base backup."""


@dataclass(frozen=True)
class RecoveredCluster:
    """One cluster that was brought back and now runs on a socket of its own.

    Attributes:
        data: its data directory.
        sockets: where it listens; there is no TCP.
        reached_lsn: how far its replay came.
        newest_heartbeat, last_commit_at: what tells how recent it is; None if it holds none.
    """

    name: str
    database: str
    backup: str
    data: Path
    sockets: Path
    port: int
    superuser: str
    timeline: int
    reached_lsn: str
    newest_heartbeat: datetime | None
    last_commit_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Every attribute."""
        return {**self.__dict__, "data": str(self.data), "sockets": str(self.sockets)}


@dataclass(frozen=True)
class Recovered:
    """A recovery that was kept.

    Attributes:
        moment: what was asked for, or that of the restore point; None for the end of WAL.
        declared_at: when the recovery was begun.
        rpo_seconds: the age of the newest recovered commit at that time, or before `moment`; None if it is not known.
        phases: seconds of each.
        files_moment: the moment to which `files rollback` would bring the buckets back; None if nothing tells it.
    """

    into: Path
    moment: datetime | None
    repository: int
    declared_at: datetime
    rpo_seconds: float | None
    clusters: Sequence[RecoveredCluster]
    checks: tuple[CheckResult, ...]
    phases: Mapping[Phase, float]
    files_moment: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """The document of `recover --json`."""
        return {
            "into": str(self.into),
            "moment": self.moment.isoformat() if self.moment else None,
            "repository": self.repository,
            "declared_at": self.declared_at.isoformat(),
            "rpo_seconds": self.rpo_seconds,
            "clusters": [cluster.as_json() for cluster in self.clusters],
            "checks": [check.as_json() for check in self.checks],
            "phases": {phase: round(took, 3) for phase, took in self.phases.items()},
            "seconds": round(sum(self.phases.values()), 3),
            "files_moment": self.files_moment.isoformat() if self.files_moment else None,
            "files_rollback": rollback_command(self.files_moment) if self.files_moment else None,
        }


@operation("recovery")
def recover(
    settings: Settings,
    target: Target,
    into: Path,
    *,
    repository: int,
    tell: Tell,
    allow_tablespaces: Sequence[Path] = (),
) -> Recovered:
    """Restore every cluster into a directory, replay, promote, validate, and leave them running on their sockets.

    Where archived WAL is missing or damaged, a recovery keeps what it reached, and fails that check.

    Args:
        settings: the whole configuration.
        target: the end of WAL, or a moment.
        into: a directory that does not exist yet; removed again if the recovery fails.
        repository: the number of the repository.
        tell: hears of each phase as it begins, and what is done in it.
        allow_tablespaces: empty directories where tablespaces that the backup does not know may be made.

    Raises:
        ConfigError: the directory exists, the moment lies outside the window, or a tablespace's directory is in use.
        Refused: a tablespace that the backup does not know would be made elsewhere.
        CouldNotTell: the repository is unreachable, or the disk too small.
    """
    rules = TablespaceRules(ALLOW, allowed_tablespaces(allow_tablespaces, settings.runner()))
    signals = Interrupts()
    with signals.obeyed():
        place = reaper.make(into, settings)
        try:
            return _recover_into(place, settings, target, repository, rules, tell)
        except BaseException:
            signals.hold()
            reaper.remove(place)
            rules.empty_again()
            raise


def _recover_into(
    place: Path, settings: Settings, target: Target, repository: int, rules: TablespaceRules, tell: Tell
) -> Recovered:
    clock, declared = PhaseClock(), datetime.now(UTC)
    with clock.measure(Phase.FIND):
        tell(Phase.FIND, f"look for base backups in repo{repository}")
        plan = plan_without_production(settings, target, repository)
        restoration = Restoration(settings, place, repository, plan, rules)
        require_programs_and_space(plan, place, settings.runner())
    brought_up = bring_up(settings, restoration, plan, repository, clock, tell, keep_short=True)
    named, clones = tuple(restoration.clones.items()), tuple(restoration.clones.values())
    with clock.measure(Phase.VALIDATE):
        what = "check every table and index with amcheck, foreign keys, constraints and sequences by query"
        tell(Phase.VALIDATE, what)
        limit = settings.drills.phase_timeout_seconds
        validated = validate(clones, timeout=limit, give_up=restoration.give_up)
        validated = (check_recovered(clones), *validated)
        checks = tuple(acknowledge(check, settings.acknowledged) for check in validated)
        points = [
            recovery_point(
                settings, clone, brought_up.reached[name], brought_up.expected[name], ran_out=name in brought_up.ran_out
            )
            for name, clone in named
        ]
        asked = plan.moment or max((fence.taken_at for fence in plan.fences.values()), default=None)
        until = asked or declared
        known = KnownFences(plan.fences) if plan.fences else known_fences(settings, before=until)
        compared = check_recovery_points(points, known, until, asked, settings.drills.rpo_target_seconds)
    clusters = tuple(_recovered(plan, clone, point) for clone, point in zip(clones, points, strict=True))
    rpo = compared.numbers.get("rpo_seconds")
    refer = {reference.cluster for reference in settings.reference}
    files_moment = reached_moment([cluster for cluster in clusters if cluster.name in refer], asked)
    done = (compared, *checks)
    return Recovered(place, asked, repository, declared, rpo, clusters, done, clock.seconds, files_moment)


def _recovered(plan: Plan, clone: Clone, point: RecoveryPoint) -> RecoveredCluster:
    return RecoveredCluster(
        name=clone.cluster.name,
        database=clone.cluster.database,
        backup=plan.points[clone.cluster.name].backup.label,
        data=clone.data,
        sockets=clone.sockets,
        port=PORT,
        superuser=clone.access.superuser,
        timeline=point.reached.timeline,
        reached_lsn=point.reached.reached_lsn,
        newest_heartbeat=point.heartbeat,
        last_commit_at=point.last_commit,
    )


@contextmanager
def recovered_aside(settings: Settings, target: Target, *, repository: int, tell: Tell) -> Iterator[Connector]:
    """The clusters as of a moment, to read from for the block; only call it while holding the drills' lock.

    Raises:
        ConfigError, RecoveryShort, CouldNotTell: as `recover`.
    """
    signals = Interrupts()
    with signals.obeyed():
        reaper.reap(settings.drills.directory)
        # A number, so that the next start reaps it should this one be killed; no drill has this one.
        place = reaper.make(settings.drills.directory / "0", settings)
        try:
            tell(Phase.FIND, f"look for base backups in repo{repository}")
            plan = plan_without_production(settings, target, repository)
            rules = TablespaceRules(f"{ELSEWHERE} --to {target}")
            restoration = Restoration(settings, place, repository, plan, rules)
            require_programs_and_space(plan, place, settings.runner())
            brought_up = bring_up(settings, restoration, plan, repository, PhaseClock(), tell)
            for name, clone in restoration.clones.items():
                reached, expected = brought_up.reached[name].reached_lsn, brought_up.expected[name]
                if parse_lsn(reached) < expected:
                    raise short_of(clone, format_lsn(expected), reached)
            quieten(restoration.clones.values())
            yield restoration.connector
        finally:
            signals.hold()
            reaper.remove(place)
