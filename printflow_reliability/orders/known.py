"""What the records last said of paid orders, for the time in which they are away: who was told of, who is let go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.orders.judgement import Override
from printflow_reliability.orders.overrides import in_force
from printflow_reliability.orders.settling import STORM

# A hold whose alert still waits for a route is not known: the spool tells of it, under the same key.
TOLD = """
SELECT order_id FROM holds h WHERE lifted_at IS NULL AND NOT EXISTS (
    SELECT FROM alerts a JOIN deliveries d ON d.alert_id = a.id
    WHERE a.dedup_key IN ('order:' || h.order_id, %s) AND a.resolved_at IS NULL AND d.delivered_at IS NULL
      AND d.withdrawn IS NULL)"""


@dataclass(frozen=True)
class Known:
    """Held orders that people have heard of, and those that a named person lets go."""

    told: frozenset[str] = frozenset()
    overrides: Mapping[str, Override] = field(default_factory=dict)

    def overrides_at(self, now: datetime) -> Mapping[str, Override]:
        """Those that have not ended."""
        return {order: given for order, given in self.overrides.items() if given.until > now}

    def as_json(self) -> dict[str, Any]:
        """As it is kept beside the spool."""
        overrides = {
            order: {"person": given.person, "reason": given.reason, "until": given.until.isoformat()}
            for order, given in self.overrides.items()
        }
        return {"told": sorted(self.told), "overrides": overrides}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Known":
        """What was kept; nothing is known where it cannot be read, so that more is told rather than less."""
        try:
            overrides = {
                order: Override(given["person"], given["reason"], datetime.fromisoformat(given["until"]))
                for order, given in document["overrides"].items()
            }
            if any(given.until.tzinfo is None for given in overrides.values()):
                return cls()
            return cls(frozenset(map(str, document["told"])), overrides)
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()


def known_to(records: psycopg.Connection[TupleRow]) -> Known:
    """What these records know."""
    told = frozenset(row[0] for row in records.execute(TOLD, (STORM,)).fetchall())
    return Known(told, in_force(records))
