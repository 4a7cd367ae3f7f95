"""The fourth stage: the clones are started, stand still at the fence, and are compared with production there."""

from dataclasses import dataclass

from printflow_reliability.checks import Outcome
from printflow_reliability.drills import at_fence
from printflow_reliability.drills.stages.drill import Drill, Server, StageErrors
from printflow_reliability.drills.stages.fence import Fenced
from printflow_reliability.drills.stages.locate import Located
from printflow_reliability.errors import Refused
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.replay import RecoveryShort

ERRORS = StageErrors(Server.CLONE, failed=(RecoveryShort, Refused))


@dataclass(frozen=True)
class Compared:
    """Clones that were compared at their fences, where there were any, and replay on."""

    located: Located
    fenced: Fenced


def compare(drill: Drill, fenced: Fenced) -> Compared:
    """Start the clones, replay to the fences, and compare; then let them go on, as a real recovery would."""
    located = fenced.located
    clones = located.clones
    with drill.phase(Phase.START, ERRORS):
        drill.world.isolation.confined_by = clones.confined_by
        clones.start()
    with drill.phase(Phase.REPLAY_TO_FENCE, ERRORS):
        clones.replay_to_fence()
    with drill.phase(Phase.FENCE, ERRORS):
        if fenced.fences:
            _compare(drill, located, fenced)
        else:
            for result in at_fence.without_fence():
                drill.results.add(result)
    return Compared(located, fenced)


def _compare(drill: Drill, located: Located, fenced: Fenced) -> None:
    results, clones = drill.results, located.clones
    newest = fenced.later or fenced.fences
    results.newest_fence = next(iter(newest.values())).name
    results.add(clones.checks.links())
    results.add(clones.checks.inventory(fenced.fences))
    results.add(at_fence.shrunk(newest, drill.world.records.fences.baseline, drill.settings.drills))
    rows = clones.checks.rows(fenced.fences)
    results.add(rows)
    results.matched = {Outcome.PASS: True, Outcome.WARN: True, Outcome.FAIL: False}.get(rows.outcome)
    clones.stop()
    # Stopped anyway: this is when a clone's pages can be read as they lie on disk.
    results.add(clones.checks.pages())
    clones.go_on()
