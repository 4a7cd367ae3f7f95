"""What became of each missing object, and what of it needs a person."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class HealStatus(StrEnum):
    """What became of one missing object."""

    PLANNED = "planned"
    HEALED = "healed"
    THERE = "there"
    FAILED = "failed"
    UNDECIDED = "undecided"
    UNHEALABLE = "unhealable"
    ERASED = "erased"
    RETRIEVE = "retrieve"
    RETRIEVING = "retrieving"


@dataclass(frozen=True)
class Option:
    """One copy that a person may choose; `source` is its bucket, `size` is in bytes."""

    source: str
    version_id: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class HealAction:
    """One missing object, and what is or was done about it.

    Attributes:
        bucket: its bucket, by the name in printflow.toml.
        source: the bucket that still has it; None if none does.
        version_id: the version there.
        size: bytes; None where there is no copy.
        quarantine: its number in the manifest of what was moved aside; None if it was not.
        options: where it is undecided, what a person chooses from.
        archive: where the version's bytes lie that must be retrieved first; empty where they can be read.
    """

    deed: HealStatus
    bucket: str
    key: str
    tenant: str | None
    owner: str | None
    detail: str
    source: str | None = None
    version_id: str | None = None
    size: int | None = None
    options: Sequence[Option] = ()
    quarantine: int | None = None
    archive: str = ""


@dataclass(frozen=True)
class HealReport:
    """All missing objects, those that need a person first; `unknown` says what else may be missing."""

    applied: bool
    actions: Sequence[HealAction]
    unknown: str = ""

    def count(self, *deeds: HealStatus) -> int:
        """How many objects this became of."""
        return sum(action.deed in deeds for action in self.actions)

    @property
    def exit_code(self) -> int:
        """0 if nothing is left to do, 1 if something is, 2 if nothing is and more may be missing."""
        left = (HealStatus.FAILED, HealStatus.UNDECIDED, HealStatus.UNHEALABLE)
        if self.count(HealStatus.PLANNED, HealStatus.RETRIEVE, HealStatus.RETRIEVING, *left):
            return 1
        return 2 if self.unknown else 0

    def as_json(self) -> dict[str, Any]:
        """The document of `files heal --json`; what failed counts as planned and not healed.

        What is undecided counts as unhealable, since it stays missing until a person chooses.
        """
        return {
            "applied": self.applied,
            "planned": self.count(HealStatus.PLANNED, HealStatus.HEALED, HealStatus.THERE, HealStatus.FAILED),
            "healed": self.count(HealStatus.HEALED, HealStatus.THERE),
            "unhealable": self.count(HealStatus.UNHEALABLE, HealStatus.UNDECIDED),
            "undecided": self.count(HealStatus.UNDECIDED),
            "erased": self.count(HealStatus.ERASED),
            "to_retrieve": self.count(HealStatus.RETRIEVE),
            "to_retrieve_bytes": sum(action.size or 0 for action in self.actions if action.archive),
            "retrieving": self.count(HealStatus.RETRIEVING),
            "unknown": self.unknown or None,
            "actions": [asdict(action) for action in self.actions],
        }


def ordered(actions: Sequence[HealAction]) -> list[HealAction]:
    """What needs a person first."""
    order = [
        HealStatus.FAILED,
        HealStatus.UNDECIDED,
        HealStatus.UNHEALABLE,
        HealStatus.ERASED,
        HealStatus.RETRIEVE,
        HealStatus.RETRIEVING,
        HealStatus.PLANNED,
        HealStatus.HEALED,
        HealStatus.THERE,
    ]
    return sorted(actions, key=lambda action: order.index(action.deed))
