"""The last stage: what must hold before anybody is let in, the files that rows refer to, and one tenant."""

from collections.abc import Sequence
from dataclasses import dataclass

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.stages.drill import Drill, Server, StageErrors
from printflow_reliability.drills.stages.locate import Located
from printflow_reliability.drills.stages.promote import Promoted
from printflow_reliability.errors import ConfigError, CouldNotTell, Refused
from printflow_reliability.restore.phases import Phase

ERRORS = StageErrors(Server.CLONE, failed=(Refused,))


@dataclass(frozen=True)
class Validated:
    """Clones that were checked; `heal_plan` has a line of JSON for each file that would have to be brought back."""

    heal_plan: Sequence[str]


def validate(drill: Drill, promoted: Promoted) -> Validated:
    """Check the data, then the files and one tenant, which no recovery waits for."""
    located, results = promoted.located, drill.results
    with drill.phase(Phase.VALIDATE, ERRORS):
        for result in located.clones.checks.data():
            results.add(result)
        results.add(located.clones.checks.smoke())
    with drill.phase(Phase.FILES, ERRORS):
        results.heal_plan = _check_files(drill, located)
        _check_printable(drill, located)
        results.add(located.clones.checks.tenant())
    return Validated(results.heal_plan)


def _check_files(drill: Drill, located: Located) -> tuple[str, ...]:
    try:
        found = located.clones.checks.files(located.plan.moment)
    except Refused as refused:
        drill.results.answer("drill.files", Outcome.FAIL, refused.sentence)
        return ()
    except (CouldNotTell, ConfigError) as unknown:
        drill.results.answer("drill.files", Outcome.UNKNOWN, unknown.sentence)
        return ()
    drill.results.add(found.result)
    return tuple(found.plan_lines())


def _check_printable(drill: Drill, located: Located) -> None:
    recovered_at = drill.results.clusters[drill.settings.orders.cluster].recovered_at
    try:
        drill.results.add(located.clones.checks.printable(located.plan.moment, recovered_at))
    except (CouldNotTell, ConfigError) as unknown:
        drill.results.answer("drill.printable", Outcome.UNKNOWN, unknown.sentence)
