"""What came of each object that was to be moved aside, or to come back."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SHOWN = 100


class Deed(StrEnum):
    """What was done about one object."""

    DONE = "done"
    THERE = "there"
    NAMED = "named"
    MEANWHILE = "meanwhile"
    ERASED = "erased"
    FAILED = "failed"


@dataclass
class Outcome:
    """What came of all of them.

    Attributes:
        deeds: how many came out how.
        bytes: of those that were done.
        not_done: bucket, key and reason of the first ones that were not.
        further: how many were tried in place of others.
        stopped: why the rest was not tried; empty if all were.
    """

    deeds: Counter[Deed] = field(default_factory=Counter)
    bytes: int = 0
    not_done: list[tuple[str, str, str]] = field(default_factory=list)
    further: int = 0
    stopped: str = ""

    def add(self, deed: Deed, bucket: str, key: str, size: int, detail: str = "") -> None:
        """Count one more."""
        self.deeds[deed] += 1
        if deed is Deed.DONE:
            self.bytes += size
        elif deed is not Deed.THERE and len(self.not_done) < SHOWN:
            self.not_done.append((bucket, key, detail))

    @property
    def left(self) -> int:
        """How many were not done."""
        return self.deeds.total() - self.deeds[Deed.DONE] - self.deeds[Deed.THERE]

    def as_json(self) -> dict[str, Any]:
        """As the commands show it."""
        return {
            "done": self.deeds[Deed.DONE],
            "there": self.deeds[Deed.THERE],
            "done_bytes": self.bytes,
            "left": self.left,
            "not_done": [{"bucket": bucket, "key": key, "reason": why} for bucket, key, why in self.not_done],
            "stopped": self.stopped,
        }
