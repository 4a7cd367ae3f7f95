"""How much a recovery brought back: its newest commit, against the clock and against the newest fence of the records.

A recovery knows only what reached the repository. Where archiving had stalled, all of that is sound and hours are
missing; only a heartbeat, a commit's time or a fence recorded in production tells.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.backups.timeline import parse_history
from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.errors import PrintflowError
from printflow_reliability.platform.connect import error_text
from printflow_reliability.records.database import open_records
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.connector import connector
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.fence_store import stored_fences
from printflow_reliability.restore.production import newest_heartbeat
from printflow_reliability.restore.replay import Promotion, format_lsn
from printflow_reliability.settings import Settings
from printflow_reliability.text import moment, seconds

CHECK = "drill.recovery"
LAST_COMMIT = re.compile(r"last completed transaction was at log time (\S+ \S+)")
LOST_NEXT = (
    "look for newer WAL, in another repository (--repo) or in pg_wal of what is left of production, "
    "before anybody is let in"
)


@dataclass(frozen=True)
class RecoveryPoint:
    """The state that one cluster was brought back to.

    Attributes:
        reached: how far its replay came.
        archived: the LSN (bytes) that it had to reach: for the end of WAL, where its archive ends.
        left: the LSN (bytes) at which each timeline that leads to it was left.
        heartbeat: the newest that it holds, stamped by production's clock; None if there is none.
        last_commit: when the last transaction that was replayed had committed; None if none was.
        ran_out: whether its WAL ended before the first commit after the moment that was asked for.
    """

    cluster: str
    system_identifier: int
    reached: Promotion
    archived: int
    left: Mapping[int, int]
    heartbeat: datetime | None
    last_commit: datetime | None
    ran_out: bool = False

    @property
    def newest(self) -> datetime | None:
        """The newest moment that is proven to be in it."""
        return max((at for at in (self.heartbeat, self.last_commit) if at is not None), default=None)

    def holds(self, fence: Fence) -> bool:
        """Whether the restore point of a fence lies in what was replayed."""
        return fence.timeline in self.left and parse_lsn(fence.lsn) <= self.left[fence.timeline]


@dataclass(frozen=True)
class KnownFences:
    """The newest fences of the records by cluster; `why_not` says why there are none."""

    fences: Mapping[str, Fence]
    why_not: str = ""


def recovery_point(
    settings: Settings, clone: Clone, reached: Promotion, archived: int, *, ran_out: bool
) -> RecoveryPoint:
    """Ask a promoted clone and its log what it holds. A heartbeat that cannot be read is none."""
    key = f"cluster[{settings.cluster.index(clone.cluster)}].heartbeat"
    try:
        heartbeat = newest_heartbeat(clone.cluster, key=key, connect_with=connector({clone.cluster.name: clone}))
    except (PrintflowError, psycopg.Error):
        heartbeat = None
    switches = parse_history((clone.data / "pg_wal" / f"{reached.timeline:08X}.history").read_text(encoding="utf-8"))
    return RecoveryPoint(
        cluster=clone.cluster.name,
        system_identifier=clone.production.system_identifier,
        reached=reached,
        archived=archived,
        left={switch.timeline: switch.lsn for switch in switches},
        heartbeat=heartbeat,
        last_commit=last_commit(clone.place),
        ran_out=ran_out,
    )


def last_commit(place: Path) -> datetime | None:
    """When the last transaction that a clone replayed had committed, by its server's logs."""
    found = [
        datetime.fromisoformat(at)
        for file in place.glob("server*.log")
        for at in LAST_COMMIT.findall(file.read_text(encoding="utf-8", errors="replace"))
    ]
    return max(found, default=None)


def known_fences(settings: Settings, before: datetime) -> KnownFences:
    """The newest fences that were recorded before a moment; a disaster may have taken the records along."""
    names = [cluster.name for cluster in settings.cluster]
    try:
        with open_records(settings.records) as records:
            fences = stored_fences(records, names, datetime.min.replace(tzinfo=UTC), before)
    except PrintflowError as away:
        return KnownFences({}, away.what)
    except psycopg.Error as refused:
        return KnownFences({}, f"the records refuse to tell of fences: {error_text(refused)}")
    return KnownFences(fences, "" if fences else "no fence was recorded before")


def rpo_seconds(points: Sequence[RecoveryPoint], declared: datetime) -> float | None:
    """The age of the newest recovered commit of the cluster that lost most; None if that is not known of one."""
    ages = [(declared - point.newest).total_seconds() if point.newest else None for point in points]
    known = [age for age in ages if age is not None]
    return max(0.0, *known) if known and len(known) == len(ages) else None


def check_recovery_points(
    points: Sequence[RecoveryPoint], known: KnownFences, declared: datetime, target: datetime | None, rpo_target: float
) -> CheckResult:
    """The answer of `drill.recovery` for a recovery in earnest.

    Args:
        points: one a cluster.
        known: what production had, by the records.
        declared: when the disaster was declared, or the moment that was asked for.
        target: that moment; None for the end of WAL.
        rpo_target: seconds that may be lost.
    """
    verdicts = [_against_fence(point, known) for point in points]
    verdicts += [gap for point in points if (gap := _against_archive(point))]
    verdicts += [still for point in points if (still := _heartbeat_stands_still(point, rpo_target))]
    parts = [_reached(point) for point in points]
    rpo = rpo_seconds(points, declared)
    if rpo is None:
        verdicts.append((Outcome.WARN, "how much was lost is not known: no heartbeat and no commit was replayed"))
    elif target is None:
        parts.append(f"RPO {seconds(rpo)} (target {seconds(rpo_target)})")
        if rpo > rpo_target:
            why = "the newest commit is older than that: archiving had stopped, WAL is lost, or nothing was written"
            verdicts.append((Outcome.WARN, why))
    once = dict.fromkeys(text for _, text in sorted(verdicts, key=lambda verdict: verdict[0] is not Outcome.FAIL))
    numbers = {} if rpo is None else {"rpo_seconds": round(rpo, 3)}
    return CheckResult(CHECK, worst(outcome for outcome, _ in verdicts), "; ".join([*once, *parts]), numbers)


def _reached(point: RecoveryPoint) -> str:
    told = [f"{point.cluster} came to {point.reached.reached_lsn}"]
    if point.last_commit:
        told.append(f"last commit {moment(point.last_commit)}")
    if point.heartbeat:
        told.append(f"newest heartbeat {moment(point.heartbeat)}")
    return ", ".join(told)


def _against_archive(point: RecoveryPoint) -> tuple[Outcome, str] | None:
    """What is wrong if replay ended before the end of what is archived, or that before the moment."""
    if parse_lsn(point.reached.reached_lsn) >= point.archived:
        if not point.ran_out:
            return None
        return Outcome.UNKNOWN, (
            f"the archive of {point.cluster} ends before the first commit after that moment, so that nothing proves "
            f"that all up to it is there. All that was committed before is kept here. Next: {LOST_NEXT}"
        )
    return Outcome.FAIL, (
        f"replay of {point.cluster} ended before {format_lsn(point.archived)}, up to which WAL is archived: WAL in "
        f"between is missing or damaged. All that was committed before is kept here. Next: {LOST_NEXT}"
    )


def _heartbeat_stands_still(point: RecoveryPoint, rpo_target: float) -> tuple[Outcome, str] | None:
    """What is to be said of a heartbeat that is much older than commits after it."""
    if point.heartbeat is None or point.last_commit is None:
        return None
    behind = (point.last_commit - point.heartbeat).total_seconds()
    if behind <= rpo_target:
        return None
    told = f"the heartbeat of {point.cluster} stood still for {seconds(behind)} before its last commit"
    return Outcome.WARN, f"{told}: find out why nothing writes it"


def _against_fence(point: RecoveryPoint, known: KnownFences) -> tuple[Outcome, str]:
    fence = known.fences.get(point.cluster)
    if fence is None:
        return Outcome.WARN, f"what was recovered could not be compared with production: {known.why_not}"
    if fence.production.system_identifier != point.system_identifier:
        return Outcome.WARN, f"the newest recorded fence of {point.cluster} is of another cluster at that name"
    recorded = f"the fence recorded at {moment(fence.taken_at)}"
    if point.holds(fence):
        return Outcome.PASS, f"{point.cluster} holds {recorded}"
    where = f"{fence.lsn} on timeline {fence.timeline}"
    return Outcome.FAIL, f"the tail of {point.cluster} is lost: {recorded} ({where}) is not in it. Next: {LOST_NEXT}"
