"""Clusters out of a repository, promoted and written to once: in earnest, or beside production to read from."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from printflow_reliability.backups.segment import parse_lsn
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.recovery.without_production import pgbackrest_of
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.fetch import WAL_SEGMENTS
from printflow_reliability.restore.expected_end import archived_in_repository
from printflow_reliability.restore.phases import Phase, PhaseClock
from printflow_reliability.restore.plan import Plan
from printflow_reliability.restore.replay import Promotion
from printflow_reliability.restore.restoration import Restoration
from printflow_reliability.settings import Settings

Tell = Callable[[Phase, str], None]


@dataclass(frozen=True)
class BroughtUp:
    """Clusters that were promoted.

    Attributes:
        reached: how far each came.
        expected: the LSN (bytes) that each had to reach.
        ran_out: those whose WAL ended before the first commit after the moment, and that hold all of it.
    """

    reached: Mapping[str, Promotion]
    expected: Mapping[str, int]
    ran_out: frozenset[str]


def bring_up(
    settings: Settings,
    restoration: Restoration,
    plan: Plan,
    repository: int,
    clock: PhaseClock,
    tell: Tell,
    *,
    keep_short: bool = False,
) -> BroughtUp:
    """Fetch, start, replay and promote; how far each cluster came, and how far it had to come.

    Args:
        settings, restoration, plan, repository: what is recovered, and from where.
        clock: measures each phase.
        tell: hears of it.
        keep_short: keep clusters whose WAL ends before the moment.

    Raises:
        RecoveryShort: WAL ends before the moment, and that is not to be kept.
        CouldNotTell: a cluster does not come up.
    """
    where = f"{plan.moment:%Y-%m-%d %H:%M:%S} UTC" if plan.moment else "the end of WAL"
    where = f'the restore point "{next(iter(plan.fences.values())).name}"' if plan.fences else where
    labels = ", ".join(f"{name} {point.backup.label}" for name, point in plan.points.items())
    with clock.measure(Phase.FETCH):
        tell(Phase.FETCH, f"pgbackrest restore from repo{repository}: {labels}")
        restoration.fetch(plan.fences)
        _require_room_for_wal(restoration.clones)
        # Only what was restored tells how long its WAL segments are, and so where the newest of them begins.
        expected = {name: _expected(settings, clone, plan, repository) for name, clone in restoration.clones.items()}
    with clock.measure(Phase.START):
        tell(Phase.START, "start the clusters on sockets of their own, with archiving off")
        restoration.start()
    with clock.measure(Phase.REPLAY_TO_END):
        tell(Phase.REPLAY_TO_END, f"replay to {where}")
        ran_out = _replay(restoration, plan, keep_short=keep_short)
        if plan.moment is not None:
            # Its whole archive was replayed, so that it must have come to the end of that.
            expected |= {name: _archived(settings, restoration.clones[name], plan, repository) for name in ran_out}
    with clock.measure(Phase.PROMOTE):
        tell(Phase.PROMOTE, "promote, and write once")
        # Promoted short of it, a cluster still holds all that can be had; the caller says what that means.
        return BroughtUp(restoration.promote(dict.fromkeys(expected, 0)), expected, ran_out)


def _replay(restoration: Restoration, plan: Plan, *, keep_short: bool) -> frozenset[str]:
    """Replay to the restore points, or as far as the plan says; the clusters whose WAL ended before the moment."""
    if not plan.fences:
        return restoration.replay_to_end({}, keep_short=keep_short)
    restoration.replay_to_fence()
    restoration.end_at_fence()
    return frozenset()


def _require_room_for_wal(clones: Mapping[str, Clone]) -> None:
    """Before the restore the size of WAL segments was not known.

    Raises:
        CouldNotTell: what they need is not free.
    """
    needed = sum(WAL_SEGMENTS * clone.segment_bytes() for clone in clones.values())
    place = next(iter(clones.values())).place
    free = shutil.disk_usage(place).free
    if needed > free:
        raise CouldNotTell(
            f"the WAL of what was restored needs {needed:,} bytes below {place.parent}, and only {free:,} are free",
            "make room there, or choose a directory on a larger disk",
        )


def _expected(settings: Settings, clone: Clone, plan: Plan, repository: int) -> int:
    """The LSN (bytes) that the replay of a restored cluster must reach at least."""
    point = plan.points[clone.cluster.name]
    if clone.cluster.name in plan.fences:
        return parse_lsn(plan.fences[clone.cluster.name].lsn)
    if plan.moment is not None:
        return parse_lsn(point.backup.lsn_stop) if point.backup.lsn_stop else 0
    return _archived(settings, clone, plan, repository)


def _archived(settings: Settings, clone: Clone, plan: Plan, repository: int) -> int:
    """The LSN (bytes) that the newest archived segment begins at, and a byte more."""
    pgbackrest = pgbackrest_of(clone.cluster, settings.runner())
    return archived_in_repository(pgbackrest, repository, plan.points[clone.cluster.name], clone.segment_bytes())
