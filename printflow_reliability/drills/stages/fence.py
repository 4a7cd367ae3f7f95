"""The second stage: what must not change is looked at, writers are refused, and the fences are made."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from printflow_reliability.backups.pgbackrest_errors import RepositoryDamaged
from printflow_reliability.drills.stages.drill import Drill, Server, StageErrors
from printflow_reliability.drills.stages.locate import Located
from printflow_reliability.drills.stages.world import Fences
from printflow_reliability.errors import Refused
from printflow_reliability.parallel import run_parallel
from printflow_reliability.restore.clones.standby_files import StandbyDamaged
from printflow_reliability.restore.phases import Phase

ERRORS = StageErrors(Server.PRODUCTION, failed=(RepositoryDamaged, StandbyDamaged, Refused))


@dataclass(frozen=True)
class Fenced:
    """The fences of a drill.

    Attributes:
        fences: those that the clones stop at.
        later: those of after the moment that is restored; all that were made for this drill.
        made: those that were made for this drill.
        located: what is going to be restored to them.
    """

    fences: Fences
    later: Fences
    made: Fences
    located: Located


def fence(drill: Drill, located: Located) -> Fenced:
    """Look at what must not change, try to write where a clone must not, and make the fences.

    Side by side, since a repository whose server is dead keeps two of them waiting.
    """
    world, results = drill.world, drill.results
    with drill.phase(Phase.FENCE, ERRORS):
        if drill.settings.drills.ask_production:
            results.unarchived = world.production.unarchived()
            results.numbers["unarchived_seconds"] = round(max(wal.seconds for wal in results.unarchived), 3)
        plan = located.plan
        made: Fences = {}

        def make() -> None:
            nonlocal plan, made
            if drill.from_standby:
                # A standby goes on while its files are taken, and no clone of it stops at what lies before their end.
                results.reached = Phase.FETCH
                with drill.clock.measure(Phase.FETCH):
                    plan = located.clones.take()
                results.reached = Phase.FENCE
            made = world.production.make_fences(plan.productions, f"printflow-drill-{drill.id}")

        def refuse() -> None:
            world.isolation.unprovable = world.repository.refuse_writers(located.clones.confined_programs())

        tasks: list[Callable[[], None]] = [partial(world.isolation.take_baseline, plan.productions), refuse]
        if drill.settings.drills.ask_production:
            tasks.append(make)
        run_parallel(tasks, give_up=world.workspace.give_up)
        for fence in made.values():
            world.records.fences.keep(fence)
        fenced = _chosen(drill, replace(located, plan=plan), made)
        for name, fence in fenced.fences.items():
            exact = fence.counts is not None
            tables, rows = (fence.tables, fence.rows) if exact else (None, None)
            results.note(name, fence_lsn=fence.lsn, tables=tables, rows=rows)
    return fenced


def _chosen(drill: Drill, located: Located, made: Fences) -> Fenced:
    plan = located.plan
    if plan.moment is None:
        return Fenced(made or plan.fences, made, made, located)
    later = made
    if not made:
        newest = drill.world.records.fences.newest()
        later = {name: fence for name, fence in newest.items() if fence.taken_at >= plan.moment}
    return Fenced(plan.fences, later, made, located)
