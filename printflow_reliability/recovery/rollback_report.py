"""What `files rollback` answers: the plan, what was done of it, and what is left for a person."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from printflow_reliability.files.rollback.carry_out import Outcome
from printflow_reliability.files.rollback.plan import Plan
from printflow_reliability.files.rollback.since import Fate
from printflow_reliability.files.rollback.write import Deed


@dataclass(frozen=True)
class RollbackReport:
    """A rollback, planned or carried out.

    Attributes:
        moment: what the buckets are to be as at.
        plan: what has to be done, by tenant and reason; its steps are no longer there.
        planned: how many objects that is.
        number: of the rollback, by which it is undone; None of a plan.
        outcome: what came of it; None of a plan.
        held: paid orders that are held since their artwork is older now.
        left: objects that are still not as they were, as a second look found; None where there was none.
    """

    moment: datetime
    plan: Plan
    planned: int
    number: int | None = None
    outcome: Outcome | None = None
    held: Sequence[str] = ()
    left: int | None = None

    @property
    def bytes(self) -> int:
        """Of what has to be copied."""
        return self.plan.bytes.total()

    @property
    def exit_code(self) -> int:
        """0: as it was; 1: to be done, or something needs a person; 2: it broke off."""
        if self.outcome is None:
            return 1 if self.planned or self.plan.impossible_count else 0
        if self.outcome.stopped:
            return 2
        return 1 if self.outcome.not_done or self.held or self.left or self.plan.impossible_count else 0

    def as_json(self) -> dict[str, Any]:
        """As `files rollback --json` shows it."""
        done = self.outcome
        return {
            "to": self.moment,
            "rollback": self.number,
            "planned": self.planned,
            "bytes": self.bytes,
            "tenants": [
                {"tenant": tenant, "reason": fate, "files": files, "bytes": self.plan.bytes[tenant, fate]}
                for (tenant, fate), files in sorted(self.plan.files.items(), key=lambda found: str(found))
            ],
            "unchanged": self.plan.left_alone[Fate.UNCHANGED],
            "newer": self.plan.left_alone[Fate.NEWER],
            "impossible": [{"bucket": bucket, "key": key, "reason": why} for bucket, key, why in self.plan.impossible],
            "impossible_count": self.plan.impossible_count,
            "erased": [{"bucket": bucket, "key": key, "reason": why} for bucket, key, why in self.plan.erased],
            "erased_count": self.plan.erased_count,
            "done": None if done is None else done.deeds[Deed.DONE],
            "done_bytes": None if done is None else done.bytes,
            "not_done": [] if done is None else _named(done),
            "stopped": "" if done is None else done.stopped,
            "held": list(self.held),
            "left": self.left,
        }


@dataclass(frozen=True)
class UndoReport:
    """An undo, planned or carried out: the rollback, how many objects it planned, what came of undoing it."""

    number: int
    planned: int
    outcome: Outcome | None = None

    @property
    def exit_code(self) -> int:
        """0: undone; 1: to be done, or an object is not what the rollback made; 2: it broke off."""
        if self.outcome is None:
            return 1 if self.planned else 0
        return 2 if self.outcome.stopped else 1 if self.outcome.not_done else 0

    def as_json(self) -> dict[str, Any]:
        """As `files rollback --undo --json` shows it."""
        deeds: Counter[Deed] = self.outcome.deeds if self.outcome else Counter()
        return {
            "undo": self.number,
            "planned": self.planned,
            "done": None if self.outcome is None else deeds[Deed.DONE],
            "not_done": [] if self.outcome is None else _named(self.outcome),
            "stopped": "" if self.outcome is None else self.outcome.stopped,
        }


def _named(outcome: Outcome) -> list[dict[str, str]]:
    return [{"bucket": bucket, "key": key, "reason": why} for bucket, key, why in outcome.not_done]
