"""What validation saw of one table, constraint, index or database, and the answer of a check made of many of them.

Damage and violations fail a check. A statement that was not answered makes it "could not tell", and takes no other
answer away. What production itself chose, such as a constraint that is NOT VALID, is a note.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from printflow_reliability.checks import CheckResult, Outcome, worst
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.damage import is_damage

SHOWN = 3
"""How many observations of each outcome a detail names."""
ORDER = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS)


@dataclass(frozen=True)
class Observation:
    """A phrase for a person and what it means: FAIL, UNKNOWN, WARN, or PASS for a note.

    `about` is what printflow.toml calls a warning that it acknowledges.
    """

    outcome: Outcome
    text: str
    about: str = ""


def violation(text: str) -> Observation:
    """Rows are not as they must be."""
    return Observation(Outcome.FAIL, text)


def unknown(text: str) -> Observation:
    """Something could not be checked."""
    return Observation(Outcome.UNKNOWN, text)


def warning(text: str, about: str) -> Observation:
    """Something that a person should look at, and that fails nothing; `about` is what it is about."""
    return Observation(Outcome.WARN, text, about)


def note(text: str) -> Observation:
    """Something that production chose, and that a reader should know."""
    return Observation(Outcome.PASS, text)


def cause(error: psycopg.Error) -> str:
    """The server's words, and where a function of the database failed, its name."""
    context = (error.diag.context or "").splitlines()
    function = next((line for line in context if "function" in line), "")
    return f"{error_text(error)} ({' '.join(function.split())})" if function else error_text(error)


def refused(where: str, error: psycopg.Error) -> Observation:
    """What an error of our own statement means: damage, or that nothing can be said of `where`."""
    if is_damage(error):
        return violation(f"{where} is damaged: {error_text(error)}")
    return unknown(f"{where} could not be checked: {cause(error)}")


def check_result(
    check: str, observations: Iterable[Observation], numbers: Mapping[str, int | float], well: str
) -> CheckResult:
    """A check's answer: the worst outcome, then the observations, worst first, each said once.

    Args:
        check: the check's registered name.
        observations: of everything that was checked.
        numbers: the numbers behind the answer.
        well: what to say where nothing is wrong.
    """
    seen = tuple(dict.fromkeys(observations))
    outcome = worst([observation.outcome for observation in seen] or [Outcome.PASS])
    parts = [] if outcome in (Outcome.FAIL, Outcome.UNKNOWN) else [well]
    for kind in ORDER:
        parts += [text] if (text := shown([each.text for each in seen if each.outcome is kind])) else []
    about = tuple(dict.fromkeys(each.about for each in seen if each.outcome is Outcome.WARN))
    return CheckResult(check, outcome, "; ".join(part for part in parts if part), numbers, about)


def shown(texts: Sequence[str]) -> str:
    """The first texts, and how many more there are."""
    more = [f"and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return "; ".join([*texts[:SHOWN], *more])
