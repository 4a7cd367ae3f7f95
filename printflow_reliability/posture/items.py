"""What posture says of one thing: where it is, what it is, what it should be, why, and which item of the plan it is of.

A thing that cannot be seen is an item too, whose outcome is unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.register import REGISTER

WORDS = {Outcome.FAIL: "wrong", Outcome.WARN: "doubtful", Outcome.UNKNOWN: "unknown", Outcome.PASS: "good"}


@dataclass(frozen=True)
class Place:
    """A line of a file of the checkout; line 0 is the file as a whole, an empty file the checkout as a whole."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file or "the checkout"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is asked of a thing of the platform.

    Attributes:
        name: a stable word.
        check: the registered check that it is a part of.
        plan: the items of the action plan that it is evidence of.
        expected: what the thing should be, as a noun with its verb: "QUEUE_CONNECTION is redis".
        why: what happens otherwise, a sentence.
        severity: how bad it is where the thing is not so.
    """

    name: str
    check: str
    plan: tuple[str, ...]
    expected: str
    why: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Item:
    """A rule applied to one thing.

    Attributes:
        subject: what was looked at, such as a variable or a class.
        found: what it is, a clause without a full stop; no secret and nobody's data.
    """

    rule: Rule
    outcome: Outcome
    subject: str
    found: str
    place: Place = field(default_factory=Place)

    @property
    def sentence(self) -> str:
        """Where and what it is, what it should be and why."""
        said = f"{self.place}: {self.found}."
        return said if self.outcome is Outcome.PASS else f"{said} It should be: {self.rule.expected}. {self.rule.why}"

    @property
    def finding(self) -> Finding:
        """The item as a finding; one that is good has none."""
        unseen = self.outcome is Outcome.UNKNOWN
        return Finding(
            kind=self.rule.name,
            severity=Severity.WARNING if self.outcome is Outcome.WARN else self.rule.severity,
            owner=self.subject,
            detail=f"COULD NOT TELL: {self.sentence}" if unseen else self.sentence,
            action=f"{'See to it by hand' if unseen else 'Change it'} at {self.place}: {self.rule.expected}.",
        )

    def as_json(self) -> dict[str, Any]:
        """The item for programs."""
        return {
            "kind": self.rule.name,
            "check": self.rule.check,
            "plan": list(self.rule.plan),
            "outcome": self.outcome,
            "subject": self.subject,
            "file": self.place.file or None,
            "line": self.place.line or None,
            "found": self.found,
            "expected": self.rule.expected,
            "why": self.rule.why,
        }


@dataclass
class Judged:
    """The items of one part of posture while it is looked at."""

    items: list[Item] = field(default_factory=list)

    def add(self, rule: Rule, outcome: Outcome | bool | None, found: str, *, subject: str, place: Place) -> None:
        """One more item; true is good, false is wrong, None cannot be told."""
        if not isinstance(outcome, Outcome):
            outcome = Outcome.UNKNOWN if outcome is None else Outcome.PASS if outcome else Outcome.FAIL
        self.items.append(Item(rule=rule, outcome=outcome, subject=subject, found=found, place=place))


def check_results(items: Iterable[Item], checks: Iterable[str]) -> tuple[CheckResult, ...]:
    """The answer of each of these checks to its items; a check without any could not tell."""
    by_check: dict[str, list[Item]] = {check: [] for check in checks}
    for item in items:
        by_check[item.rule.check].append(item)
    return tuple(_answer(check, found) for check, found in by_check.items())


def _answer(check: str, items: list[Item]) -> CheckResult:
    counts: Mapping[Outcome, int] = {outcome: sum(item.outcome is outcome for item in items) for outcome in Outcome}
    numbers = {f"{WORDS[outcome]}_items": count for outcome, count in counts.items()}
    for outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN):
        if counts[outcome]:
            unwell = [item for item in items if item.outcome is outcome]
            first = min(unwell, key=lambda item: -item.rule.severity.rank)
            more = f" And {len(unwell) - 1} more: printflow posture." if len(unwell) > 1 else ""
            return CheckResult(check, outcome, f"{first.sentence}{more}", numbers)
    if not items:
        question = REGISTER[check].question
        return CheckResult(check, Outcome.UNKNOWN, f"Nothing was found that answers this: {question}", numbers)
    return CheckResult(check, Outcome.PASS, f"{len(items)} of {len(items)} items are as they should be.", numbers)
