"""Holds in the records: which paid orders must not go on, why, and since when. Lifted ones stay as history."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

PLACE = """
INSERT INTO holds (order_id, tenant, paid_at, reason, files) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (order_id) WHERE lifted_at IS NULL
DO UPDATE SET reason = excluded.reason, files = excluded.files, checked_at = now()
RETURNING xmax = 0"""
LIFT = "UPDATE holds SET lifted_at = now(), checked_at = now() WHERE order_id = %s AND lifted_at IS NULL"
HELD = """
SELECT order_id, tenant, paid_at, reason, files, since FROM holds
WHERE lifted_at IS NULL ORDER BY paid_at, order_id"""


@dataclass(frozen=True)
class Hold:
    """A paid order that must not go on; `files` says what is wrong with each key."""

    order: str
    tenant: str
    paid_at: datetime
    reason: str
    files: Sequence[dict[str, str | None]]
    since: datetime

    def as_json(self) -> dict[str, Any]:
        """As `orders held` lists it."""
        action = f"mend its artwork, then: printflow orders check {self.order}"
        return {
            "order": self.order,
            "tenant": self.tenant,
            "paid_at": self.paid_at,
            "reason": self.reason,
            "files": list(self.files),
            "since": self.since,
            "action": action,
        }


def place(
    connection: psycopg.Connection[TupleRow],
    order: str,
    tenant: str,
    paid_at: datetime,
    reason: str,
    files: Sequence[dict[str, str | None]],
) -> bool:
    """Hold an order, or bring its open hold up to date; says whether the hold is new."""
    row = connection.execute(PLACE, (order, tenant, paid_at, reason, json.dumps(list(files)))).fetchall()[0]
    return bool(row[0])


def lift(connection: psycopg.Connection[TupleRow], order: str) -> bool:
    """Lift an order's open hold; says whether there was one."""
    return connection.execute(LIFT, (order,)).rowcount > 0


def held(connection: psycopg.Connection[TupleRow]) -> tuple[Hold, ...]:
    """Every open hold, the order paid longest ago first."""
    return tuple(Hold(*row) for row in connection.execute(HELD).fetchall())
