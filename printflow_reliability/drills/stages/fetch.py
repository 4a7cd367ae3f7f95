"""The third stage: the disaster is declared, and every cluster restored out of the repository."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.pgbackrest_errors import NoBackupForTarget, RepositoryDamaged
from printflow_reliability.drills.stages.drill import Drill, Server, StageErrors
from printflow_reliability.drills.stages.fence import Fenced
from printflow_reliability.drills.stages.locate import Located
from printflow_reliability.errors import Refused
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.phases import Phase

ERRORS = StageErrors(Server.PRODUCTION, failed=(NoBackupForTarget, RepositoryDamaged, Refused))
"""Production is still asked: the clones have no server yet."""


@dataclass(frozen=True)
class Fetched:
    """Clones that lie on disk.

    Attributes:
        declared: when the disaster was declared, by each cluster's own clock.
        expected: the LSN (bytes) that the replay of each must reach at least.
    """

    declared: Mapping[str, datetime]
    expected: Mapping[str, int]


def fetch(drill: Drill, fenced: Fenced) -> Fetched:
    """Restore every cluster; meanwhile the fence's WAL is archived, which takes seconds that nobody need wait for."""
    world, results, located = drill.world, drill.results, fenced.located
    plan = located.plan
    with drill.phase(Phase.FETCH, ERRORS):
        if fenced.made and plan.moment is None:
            declared = dict(world.production.clocks())
        else:
            declared = dict.fromkeys(plan.points, plan.moment or world.now())
        if fenced.made:
            _fetch_while_archived(drill, located, fenced)
        else:
            located.clones.fetch(fenced.fences)
        expected = world.repository.expected_ends(plan, fenced.fences, fenced.later, located.clones.segment_bytes)
        for name, point in plan.points.items():
            results.note(name, fetched_bytes=point.backup.database_bytes)
        results.numbers["fetched_bytes"] = sum(point.backup.database_bytes for point in plan.points.values())
    return Fetched(declared, expected)


def _fetch_while_archived(drill: Drill, located: Located, fenced: Fenced) -> None:
    """Fetch, and wait for the fence's WAL; what that takes longer than the fetch is the fence's time."""
    over, archived = threading.Event(), threading.Event()

    def restore() -> None:
        try:
            located.clones.fetch(fenced.fences)
            with drill.clock.measure(Phase.FENCE):
                archived.wait()
        finally:
            over.set()

    def wait() -> None:
        try:
            drill.world.repository.await_archived(located.plan, fenced.made, over)
        finally:
            archived.set()

    def give_up() -> None:
        over.set()
        archived.set()
        drill.world.workspace.give_up()

    run_parallel([restore, wait], give_up=give_up)
