"""One check's answer from what was found of each queue or server: the trouble of each is named as its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from printflow_reliability.checks import CheckResult, Outcome, worst

WORST_FIRST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN)


@dataclass(frozen=True)
class Verdict:
    """The answer on one queue, worker or server."""

    outcome: Outcome
    sentence: str


def answer(
    check: str, verdicts: Iterable[Verdict], well: str, numbers: Mapping[str, int | float] | None = None
) -> CheckResult:
    """A check's answer: the worst outcome, and the sentences of all that is not well, worst first, each once."""
    given = list(verdicts)
    wrong = [verdict for outcome in WORST_FIRST for verdict in given if verdict.outcome is outcome]
    detail = "; ".join(dict.fromkeys(verdict.sentence for verdict in wrong)) if wrong else well
    return CheckResult(check, worst(verdict.outcome for verdict in given), detail, dict(numbers or {}))
