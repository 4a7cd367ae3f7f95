"""What a check answers: one of four outcomes, for all or a part of what it watches, and a sentence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from printflow_reliability.findings import Severity
from printflow_reliability.register import REGISTER


class Outcome(StrEnum):
    """The four answers of a check. Unknown is never shown as healthy and never clears an alert."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CheckResult:
    """One check's answer: the outcome, one plain sentence, and the numbers behind it (constant names and units).

    Attributes:
        about: what each of its warnings is about, by which printflow.toml acknowledges them; empty where one of them
            cannot be.
        scope: the part that was looked at, such as "cluster live_db"; empty for the whole. What holds for a part never
            replaces what is known of the whole.
    """

    check: str
    outcome: Outcome
    detail: str
    numbers: Mapping[str, int | float] = field(default_factory=dict)
    about: tuple[str, ...] = ()
    scope: str = ""

    def as_json(self) -> dict[str, Any]:
        """The answer as the documents of commands have it."""
        part = {"scope": self.scope} if self.scope else {}
        return {"name": self.check, "outcome": self.outcome, "detail": self.detail, **part}

    def __post_init__(self) -> None:
        if self.check not in REGISTER:
            raise ValueError(f"{self.check} is not a registered check")

    @property
    def severity(self) -> Severity:
        """The severity of this answer: the check's own for a failure or an unknown, less for the others."""
        if self.outcome is Outcome.PASS:
            return Severity.INFO
        return Severity.WARNING if self.outcome is Outcome.WARN else REGISTER[self.check].severity


def scope_of(**chosen: Sequence[str] | None) -> str:
    """The scope of an answer for which a person chose what to look at: `scope_of(tenant=["a"], bucket=None)`."""
    return ", ".join(f"{what} {name}" for what, names in chosen.items() for name in names or ())


def within(scope: str, results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """The same answers, as given for that scope."""
    return tuple(replace(result, scope=scope) for result in results)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of many: a failure before an unknown, an unknown before a warning; nothing at all is unknown."""
    seen = set(outcomes)
    for outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS):
        if outcome in seen:
            return outcome
    return Outcome.UNKNOWN


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """0 healthy, 1 something needs a person, 2 could not tell; a failure that is certain outranks an unknown."""
    return {Outcome.PASS: 0, Outcome.WARN: 1, Outcome.FAIL: 1, Outcome.UNKNOWN: 2}[worst(outcomes)]
