"""The last stage: what must hold before anybody is let in, the files that rows refer to, and one tenant."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.stages.drill import Drill, Server, StageErrors
from printflow_reliability.drills.stages.locate import Located
from printflow_reliability.drills.stages.promote import Promoted
from printflow_reliability.drills.validation.recovered_files import RecoveredFiles
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
        found = _check_files(drill, located)
        results.heal_plan = tuple(found.plan_lines()) if found else ()
        _check_moment(drill, located, found)
        results.add(located.clones.checks.tenant())
    return Validated(results.heal_plan)


def _check_files(drill: Drill, located: Located) -> RecoveredFiles | None:
    try:
        found = located.clones.checks.files(located.plan.moment)
    except Refused as refused:
        drill.results.answer("drill.files", Outcome.FAIL, refused.sentence)
        return None
    except (CouldNotTell, ConfigError) as unknown:
        drill.results.answer("drill.files", Outcome.UNKNOWN, unknown.sentence)
        return None
    drill.results.add(found.result)
    return found


def _check_moment(drill: Drill, located: Located, found: RecoveredFiles | None) -> None:
    """Whether the bucket goes back to where the clones stand, and whether orders could be printed from there."""
    checks, moment = located.clones.checks, located.plan.moment
    recovered_at = drill.results.clusters[drill.settings.orders.cluster].recovered_at
    if found is None:
        drill.results.answer("drill.rollback", Outcome.UNKNOWN, "not known, as the files are not: see drill.files")
    else:
        with _untold(drill, "drill.rollback"):
            drill.results.add(checks.rollback(found, moment, recovered_at))
    with _untold(drill, "drill.printable"):
        drill.results.add(checks.printable(moment, recovered_at))


@contextmanager
def _untold(drill: Drill, check: str) -> Iterator[None]:
    """What cannot be asked is that check's trouble alone."""
    try:
        yield
    except (CouldNotTell, ConfigError) as unknown:
        drill.results.answer(check, Outcome.UNKNOWN, unknown.sentence)
