"""What was brought back without a person and what was left, with the check that it answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.files.deleted import Left, Why
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.records.file_heals import Candidate
from printflow_reliability.text import counted, printable, shell_word

CHECK = "files.healing"
SHOWN = 100
OFF = "nothing is brought back by itself: files.heal_automatically is off"
TROUBLE: Mapping[Why, tuple[str, str]] = {
    Why.AGAIN: ("deleted again after it was brought back", "find out what deletes it"),
    Why.FAILED: ("not brought back", "remove the cause"),
    Why.UNJUDGED: ("not judged", "remove the cause"),
}
"""What is named, in this order, and what is done about it before a person brings it back."""
SAID: Mapping[Why, str] = {
    Why.YOUNG: "deleted too recently",
    Why.OLD: "older than files.heal_retention_days",
    Why.UNPROVEN: "that nothing proves to be what the database means",
    Why.OTHERWISE: "missing otherwise than by a delete marker",
    Why.ARCHIVED: "archived",
    Why.ERASED: "erased on purpose",
    Why.UNREFERENCED: "without a row that counts",
    Why.THERE: "there again",
}


@dataclass
class HealingReport:
    """One turn of the policy.

    Attributes:
        applied: whether it was carried out, or only planned.
        brought_back: what is back, or would be.
        left: the first objects that were left for each reason in TROUBLE, then others; `reasons` counts all of them.
        beyond_bound: how many were left because files.heal_at_most were brought back.
        not_done: why nothing was done at all; empty where the policy had its turn.
        off: the policy is off.
    """

    applied: bool
    brought_back: list[HealAction] = field(default_factory=list)
    left: list[tuple[Candidate, Left]] = field(default_factory=list)
    reasons: Counter[Why] = field(default_factory=Counter)
    beyond_bound: int = 0
    not_done: str = ""
    off: bool = False

    def leave(self, candidate: Candidate, left: Left) -> None:
        """Count one that is left; what pages is kept before all others."""
        self.reasons[left.why] += 1
        if left.why in TROUBLE:
            if self.reasons[left.why] <= SHOWN:
                self.left.insert(0, (candidate, left))
        elif len(self.left) < SHOWN:
            self.left.append((candidate, left))

    @property
    def numbers(self) -> Mapping[str, int]:
        """By constant names."""
        return {
            "healed_files": sum(action.deed is HealStatus.HEALED for action in self.brought_back),
            "deleted_again_files": self.reasons[Why.AGAIN],
            "not_healed_files": sum(self.reasons.values()) + self.beyond_bound,
        }

    @property
    def check(self) -> CheckResult:
        """A file that was deleted again, or could not be brought back, is a failure; one beyond the bound a warning."""
        if self.not_done:
            said = f"{self.not_done}; {self.sentence}" if self.brought_back or self.reasons else self.not_done
            return CheckResult(CHECK, Outcome.UNKNOWN, said, self.numbers)
        if self.off:
            return CheckResult(CHECK, Outcome.PASS, OFF, self.numbers)
        outcome = Outcome.PASS
        if self.reasons[Why.AGAIN] or self.reasons[Why.FAILED]:
            outcome = Outcome.FAIL
        elif self.reasons[Why.UNJUDGED]:
            outcome = Outcome.UNKNOWN
        elif self.beyond_bound:
            outcome = Outcome.WARN
        return CheckResult(CHECK, outcome, self.sentence, self.numbers)

    @property
    def sentence(self) -> str:
        """What was brought back, what needs a person first, and how many were left for which reason."""
        said = [self._trouble(why) for why in TROUBLE if self.reasons[why]]
        verb = "brought back" if self.applied else "would be brought back"
        said.append(f"{counted(len(self.brought_back), 'file')} {verb}{self._named()}")
        if self.beyond_bound:
            said.append(f"{self.beyond_bound:,} left by files.heal_at_most, for the next pass")
        left = [f"{self.reasons[why]:,} {words}" for why, words in SAID.items() if self.reasons[why]]
        if left:
            said.append(f"left to a person: {', '.join(left)}")
        return "; ".join(said)

    def _trouble(self, why: Why) -> str:
        words, cause = TROUBLE[why]
        candidate, left = next(entry for entry in self.left if entry[1].why is why)
        more = f" and {self.reasons[why] - 1:,} more" if self.reasons[why] > 1 else ""
        heal = f"printflow files heal --key {shell_word(candidate.key)} --apply"
        return f"{words}: {printable(candidate.key)} ({left.detail}){more}. Next: {cause}, then: {heal}"

    def _named(self) -> str:
        if not self.brought_back:
            return ""
        more = len(self.brought_back) - 1
        return f" ({printable(self.brought_back[0].key)}{f' and {more:,} more' if more else ''})"

    def as_json(self) -> dict[str, Any]:
        """The document of `files heal --by-policy --json`, and a part of that of a pass."""
        return {
            "applied": self.applied,
            "healed": self.numbers["healed_files"],
            "planned": len(self.brought_back),
            "beyond_bound": self.beyond_bound,
            "reasons": {str(why): count for why, count in sorted(self.reasons.items())},
            "not_done": self.not_done or None,
            "actions": [asdict(action) for action in self.brought_back],
            "left": [
                {**candidate._asdict(), "why": left.why, "detail": left.detail} for candidate, left in self.left[:SHOWN]
            ],
            "checks": [self.check.as_json()],
        }

    @property
    def checks(self) -> Sequence[CheckResult]:
        """The check that it answers."""
        return (self.check,)
