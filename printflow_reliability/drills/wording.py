"""A drill's verdict and its checks in words: the same on the command line, on the report's page and in Dagster."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from printflow_reliability.checks import Outcome

VERDICTS: Mapping[str | None, str] = {
    Outcome.PASS: "PASSED",
    Outcome.WARN: "WARN",
    Outcome.FAIL: "FAIL",
    Outcome.UNKNOWN: "COULD NOT TELL",
    None: "RUNNING",
}
CHECK_WORDS = {**VERDICTS, Outcome.PASS: "OK"}
WORST_FIRST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS)


@dataclass(frozen=True)
class Row:
    """What one or more checks found: several where a drill broke off and each says the same."""

    outcome: Outcome
    names: Sequence[str]
    detail: str

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return CHECK_WORDS[self.outcome]


def verdict(document: Mapping[str, Any]) -> str:
    """The verdict on a drill, from its document: "PASSED", or "COULD NOT TELL (interrupted by SIGTERM)"."""
    word = VERDICTS[document["outcome"]]
    return f"{word} (interrupted by {document['interrupted']})" if document.get("interrupted") else word


def rows(checks: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The checks of a document, worst first; a sentence that many of them say is said once."""
    grouped: dict[tuple[Outcome, str], list[str]] = {}
    for check in checks:
        grouped.setdefault((Outcome(check["outcome"]), check["detail"]), []).append(check["name"])
    return [
        Row(outcome, names, detail)
        for wanted in WORST_FIRST
        for (outcome, detail), names in grouped.items()
        if outcome is wanted
    ]
