"""What a fence does not know of its cluster, and why.

No table's or database's trouble takes the others' answers away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ALL = "*"
"""Stands for every table of a database; a table's label has a dot in it."""
Reasons = Mapping[str, Mapping[str, str]]
"""Why, by database and table."""


@dataclass(frozen=True)
class Gaps:
    """What was not counted.

    Attributes:
        left_out: databases that this role, or nobody, can connect to, and templates.
        untold: tables (`ALL`: all of a database) that could not be counted as they were at the fence.
        damaged: tables that production itself cannot read.
    """

    left_out: Mapping[str, str] = field(default_factory=dict)
    untold: Reasons = field(default_factory=dict)
    damaged: Reasons = field(default_factory=dict)

    def reason(self, database: str, table: str) -> str:
        """Why nothing is known of a table; empty if its rows were counted, or it was not there."""
        reasons = self.untold.get(database, {})
        return self.left_out.get(database) or reasons.get(ALL) or reasons.get(table) or ""

    @property
    def untold_tables(self) -> int:
        """How many tables (or whole databases) could not be counted."""
        return sum(map(len, self.untold.values()))

    def as_json(self) -> dict[str, Any]:
        """As records keep it."""
        return {"left_out": self.left_out, "untold": self.untold, "damaged": self.damaged}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Gaps":
        """The inverse of `as_json`."""
        return cls(**{name: document.get(name, {}) for name in ("left_out", "untold", "damaged")})
