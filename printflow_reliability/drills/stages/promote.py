"""The sixth stage: promotion and a first write; how far the clones came, and what would have been lost."""

from collections.abc import Mapping
from dataclasses import dataclass

from printflow_reliability.checks import Outcome
from printflow_reliability.drills import measures
from printflow_reliability.drills.stages.drill import Drill, Server, StageErrors
from printflow_reliability.drills.stages.fetch import Fetched
from printflow_reliability.drills.stages.locate import Located
from printflow_reliability.drills.stages.replay import Replayed
from printflow_reliability.errors import Refused
from printflow_reliability.restore.phases import Phase
from printflow_reliability.restore.replay import Promotion, RecoveryShort

ERRORS = StageErrors(Server.CLONE, failed=(RecoveryShort, Refused))


@dataclass(frozen=True)
class Promoted:
    """Clones that are servers of their own; `reached` is how far each came."""

    located: Located
    reached: Mapping[str, Promotion]


def promote(drill: Drill, fetched: Fetched, replayed: Replayed) -> Promoted:
    """Wait for promotion and a first write, and measure what was recovered."""
    located, results = replayed.located, drill.results
    plan, clones = located.plan, located.clones
    with drill.phase(Phase.PROMOTE, ERRORS):
        required = {name: replayed.required_end(name, expected) for name, expected in fetched.expected.items()}
        reached = clones.promote(required)
        ended = clones.quieten()
        heartbeats = clones.heartbeats()
        for name, promotion in reached.items():
            backup, fence = plan.points[name].backup, replayed.fenced.fences.get(name)
            part = results.clusters[name]
            results.clusters[name] = measures.recovered(part, promotion, backup, heartbeats[name], fence)
        parts, numbers = results.clusters.values(), results.numbers
        numbers["replayed_bytes"] = sum(part.replayed_bytes or 0 for part in parts)
        unarchived = numbers.get("unarchived_seconds", 0.0) if plan.moment is None else 0.0
        lost = measures.lost_seconds(parts, fetched.declared, unarchived)
        if lost is not None:
            numbers["rpo_seconds"] = lost
        reached_all = ", ".join(f"{part.name} to {part.reached_lsn}" for part in parts)
        where = f"{plan.moment:%Y-%m-%d %H:%M:%S} UTC" if plan.moment else "the end of WAL"
        detail = f"replayed to {where} ({reached_all}), promoted, written to{ended}"
        results.answer("drill.recovery", Outcome.PASS, detail)
    return Promoted(located, reached)
