"""The chain itself. What was not reached when a stage breaks off is "could not tell"."""

from printflow_reliability.drills.stages.compare import compare
from printflow_reliability.drills.stages.drill import BrokenOff, Drill
from printflow_reliability.drills.stages.fence import fence
from printflow_reliability.drills.stages.fetch import fetch
from printflow_reliability.drills.stages.locate import locate
from printflow_reliability.drills.stages.promote import promote
from printflow_reliability.drills.stages.replay import replay
from printflow_reliability.drills.stages.validate import validate


def run_stages(drill: Drill) -> None:
    """Carry a drill out up to its last stage, or the one that breaks off.

    Raises:
        ConfigError, LockHeld: nothing can be said until that is mended.
    """
    try:
        located = locate(drill)
        fenced = fence(drill, located)
        fetched = fetch(drill, fenced)
        compared = compare(drill, fenced)
        replayed = replay(drill, compared)
        promoted = promote(drill, fetched, replayed)
        validate(drill, promoted)
    except BrokenOff:
        return
