"""The checks of a drill or a recovery in words: the same on the command line, on the report's page and in Dagster."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from printflow_reliability.checks import Outcome

OUTCOME_WORDS: Mapping[str, str] = {
    Outcome.PASS: "OK",
    Outcome.WARN: "WARN",
    Outcome.FAIL: "FAIL",
    Outcome.UNKNOWN: "COULD NOT TELL",
}
WORST_FIRST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS)


@dataclass(frozen=True)
class CheckRow:
    """What one or more checks found: several where a drill broke off and each says the same."""

    outcome: Outcome
    names: Sequence[str]
    detail: str

    @property
    def word(self) -> str:
        """The outcome in a word."""
        return OUTCOME_WORDS[self.outcome]


def check_rows(checks: Iterable[Mapping[str, Any]]) -> list[CheckRow]:
    """The checks of a document, worst first; a sentence that many of them say is said once."""
    grouped: dict[tuple[Outcome, str], list[str]] = {}
    for check in checks:
        grouped.setdefault((Outcome(check["outcome"]), check["detail"]), []).append(check["name"])
    return [
        CheckRow(outcome, names, detail)
        for wanted in WORST_FIRST
        for (outcome, detail), names in grouped.items()
        if outcome is wanted
    ]
