"""What `files quarantine` and `files release` answer: the plan, what was done of it, and what is left for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from printflow_reliability.files.quarantine.outcome import Outcome
from printflow_reliability.files.quarantine.plan import Left, Plan
from printflow_reliability.files.yearly_cost import yearly_cost
from printflow_reliability.records.quarantine import Quarantined


@dataclass(frozen=True)
class QuarantineReport:
    """What is moved, or was.

    Attributes:
        plan: what has to be done, by tenant and reason, and what stays.
        held: how many objects of each tenant are in quarantine, and their bytes.
        price: of a GB and month; None where it is not known.
        unfinished: objects that a run which was killed has begun and not ended.
        outcome: what came of it; None of a plan.
    """

    plan: Plan
    held: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    price: float | None = None
    unfinished: int = 0
    outcome: Outcome | None = None

    @property
    def planned(self) -> int:
        """How many objects are moved."""
        return len(self.plan.orphans)

    @property
    def exit_code(self) -> int:
        """0: nothing to do, or done; 1: to be done, or something needs a person; 2: it broke off."""
        if self.outcome is None:
            return 1 if self.planned or self.unfinished else 0
        if self.outcome.stopped:
            return 2
        return 1 if self.outcome.left or self.plan.left[Left.LATER] else 0

    def as_json(self) -> dict[str, Any]:
        """As `files quarantine --json` shows it."""
        plan, oldest = self.plan, self.plan.oldest
        return {
            "applied": self.outcome is not None,
            "planned": self.planned,
            "bytes": plan.bytes.total(),
            "yearly_cost": yearly_cost(plan.bytes.total(), self.price),
            "tenants": [
                {
                    "tenant": tenant,
                    "reason": reason,
                    "files": files,
                    "bytes": plan.bytes[tenant, reason],
                    "yearly_cost": yearly_cost(plan.bytes[tenant, reason], self.price),
                }
                for (tenant, reason), files in sorted(plan.files.items())
            ],
            "left": [
                {"reason": why, "files": files, "bytes": plan.left_bytes[why]} for why, files in plan.left.items()
            ],
            "oldest_backup": oldest and {"name": oldest.name, "begun_at": oldest.begun_at},
            "quarantined": [
                {"tenant": tenant, "files": files, "bytes": size} for tenant, (files, size) in self.held.items()
            ],
            "unfinished": self.unfinished,
            "outcome": self.outcome and self.outcome.as_json(),
        }


@dataclass(frozen=True)
class ReleaseReport:
    """What comes back, or came.

    Attributes:
        rows: the objects.
        chosen: how many were chosen.
        outcome: what came of it; None of a plan.
        unread: which rows could not be asked whether they need more; empty if all were.
        unreadable: how many notes beside copies could not be read.
    """

    rows: Sequence[Quarantined]
    chosen: int
    outcome: Outcome | None = None
    unread: str = ""
    unreadable: int = 0

    @property
    def erased(self) -> int:
        """How many of the chosen ones were erased on purpose and stay away."""
        return self.chosen - len(self.rows)

    @property
    def exit_code(self) -> int:
        """0: nothing to do, or back; 1: to be done, or something needs a person; 2: it broke off."""
        if self.unread or self.unreadable:
            return 2
        if self.outcome is None:
            return 1 if self.rows else 0
        return 2 if self.outcome.stopped else 1 if self.outcome.left else 0

    def as_json(self) -> dict[str, Any]:
        """As `files release --json` shows it."""
        return {
            "applied": self.outcome is not None,
            "planned": len(self.rows),
            "bytes": sum(row.bytes for row in self.rows),
            "erased": self.erased,
            "unread": self.unread,
            "unreadable_notes": self.unreadable,
            "files": [row.as_json() for row in self.rows],
            "outcome": self.outcome and self.outcome.as_json(),
        }
