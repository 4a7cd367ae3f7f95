"""A fence in production, and a clone that stands at it."""

from collections.abc import Iterator
from contextlib import contextmanager

from printflow_reliability.checks import CheckResult
from printflow_reliability.drills.fences import comparison
from printflow_reliability.drills.fences.make import make_fences
from printflow_reliability.restore import reaper
from printflow_reliability.restore.clones.clone import Clone
from printflow_reliability.restore.clones.fetch import fetch, prepare
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.plan import backups_in
from printflow_reliability.restore.production import ask_production
from printflow_reliability.restore.recovery_target import RecoveryTarget
from printflow_reliability.restore.replay import replay_to_fence
from printflow_reliability_tests.stack.plain import PlainCluster

DIGEST_BYTES = 10**7


def fence(shop: PlainCluster) -> Fence:
    productions = {"plain": ask_production(shop.settings)}
    (made,) = make_fences(productions, [shop.settings], "test", quiet_seconds=20, digest_bytes=DIGEST_BYTES)
    return made


@contextmanager
def paused(shop: PlainCluster, at: Fence) -> Iterator[Clone]:
    """A clone that stands at the fence."""
    clone = Clone(shop.settings, at.production, shop.home / "clones" / "plain", shop.programs)
    clone.place.parent.mkdir(mode=0o755, exist_ok=True)
    _, backups = backups_in(shop.pgbackrest, 1)
    try:
        prepare(clone)
        fetch(clone, 1, backups[-1], RecoveryTarget(fence=at), timeout=120)
        clone.start(timeout=60)
        replay_to_fence(clone, at, timeout=60)
        yield clone
    finally:
        reaper.end_processes(clone.place)
        reaper.remove(clone.place)


def compared(clone: Clone, at: Fence) -> CheckResult:
    return comparison.compare_with_fences([clone], {"plain": at}, lambda: reaper.end_processes(clone.place))
