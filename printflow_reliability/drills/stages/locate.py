"""The first stage: who the clusters are, what the repository has of them, and how far to go."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from printflow_reliability.backups.pgbackrest_errors import NoBackupForTarget, RepositoryDamaged
from printflow_reliability.drills.stages.drill import Drill, Server, StageErrors
from printflow_reliability.drills.stages.world import Clones
from printflow_reliability.errors import CouldNotTell, Refused
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.plan import Plan, make_plan, require_known_tablespaces
from printflow_reliability.restore.production import Production

ERRORS = StageErrors(Server.PRODUCTION, failed=(NoBackupForTarget, RepositoryDamaged, Refused))


@dataclass(frozen=True)
class Located:
    """What is going to be restored, and the clones that it is going to be restored into."""

    plan: Plan
    clones: Clones


def locate(drill: Drill) -> Located:
    """Find out what there is, and plan."""
    world, results = drill.world, drill.results
    with drill.phase(Phase.FIND, ERRORS):
        productions, now = _identify(drill)
        backups = world.repository.backups(productions)
        proven = world.records.proven(drill.repository, backups) if drill.target.kind == "random" else ()
        plan = make_plan(
            drill.target,
            productions,
            backups,
            drill.repository,
            now,
            world.records.fences.between,
            fence_now=drill.settings.drills.ask_production,
            proven=proven,
        )
        require_known_tablespaces(plan, world.repository.tablespaces_of, drill.tablespace_rules)
        results.moment = plan.moment
        clones = world.workspace.clones(plan)
        for name, point in plan.points.items():
            results.note(name, backup=point.backup.label)
    return Located(plan, clones)


def _identify(drill: Drill) -> tuple[Mapping[str, Production], datetime]:
    """Who the clusters are, and what time it is on their clocks; where they are not to be asked, the records know."""
    production = drill.world.production
    if drill.settings.drills.ask_production:
        production.require_readable()
        return production.identify(), max(production.clocks().values())
    fences = drill.world.records.fences.newest()
    if not fences:
        raise CouldNotTell(
            "no fence was ever recorded, so who the clusters are is not known without asking them",
            "printflow drill fence, where production can be reached",
        )
    return {name: fence.production for name, fence in fences.items()}, drill.world.now()
