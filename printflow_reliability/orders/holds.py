"""Holds in the records: which paid orders must not go on, why, and since when. Lifted ones stay as history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.orders.problems import check_command, next_step
from printflow_reliability.text import storable

if TYPE_CHECKING:  # whoever reads holds needs nothing of what judges files
    from printflow_reliability.orders.judgement import OrderAnswer

PLACE = """
INSERT INTO holds (order_id, tenant, paid_at, reason, files)
SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::jsonb[])
ON CONFLICT (order_id) WHERE lifted_at IS NULL
DO UPDATE SET tenant = excluded.tenant, paid_at = excluded.paid_at, reason = excluded.reason, files = excluded.files,
    checked_at = now()
RETURNING order_id, xmax = 0"""
LIFT = "UPDATE holds SET lifted_at = now(), checked_at = now() WHERE order_id = ANY(%s) AND lifted_at IS NULL"
HELD = """
SELECT order_id, tenant, paid_at, reason, files, since FROM holds
WHERE lifted_at IS NULL ORDER BY paid_at NULLS FIRST, order_id"""

HELD_SINCE = "SELECT DISTINCT order_id FROM holds WHERE lifted_at IS NULL OR lifted_at > %s"

Files = Sequence[Mapping[str, str | None]]


@dataclass(frozen=True)
class Hold:
    """A paid order that must not go on; `files` says what is wrong with each key, and what mends it."""

    order: str
    tenant: str | None
    paid_at: datetime | None
    reason: str
    files: Files
    since: datetime

    @property
    def action(self) -> str:
        """The next step for what is wrong first."""
        known = next((file["action"] for file in self.files if file.get("action")), None)
        return known or check_command(self.order)

    def as_json(self) -> dict[str, Any]:
        """As `orders held` lists it."""
        return {
            "order": self.order,
            "tenant": self.tenant,
            "paid_at": self.paid_at,
            "reason": self.reason,
            "files": [dict(file) for file in self.files],
            "since": self.since,
            "action": self.action,
        }


def files_of(answer: "OrderAnswer") -> Files:
    """What is wrong with each of an order's files, as a hold keeps it."""
    return [
        {
            "key": None if problem.key is None else storable(problem.key),
            "problem": storable(problem.text),
            "action": storable(next_step(problem, answer.order, answer.tenant)),
        }
        for problem in answer.problems
    ]


def place(connection: psycopg.Connection[TupleRow], answers: "Sequence[OrderAnswer]") -> frozenset[str]:
    """Hold these orders, or bring their open holds up to date; says which are newly held."""
    columns = (
        [answer.order for answer in answers],
        [answer.tenant for answer in answers],
        [answer.paid_at for answer in answers],
        [storable(answer.problems[0].text) for answer in answers],
        [json.dumps(files_of(answer)) for answer in answers],
    )
    return frozenset(order for order, new in connection.execute(PLACE, columns).fetchall() if new)


def lift(connection: psycopg.Connection[TupleRow], orders: Sequence[str]) -> None:
    """Lift the open holds of these orders."""
    connection.execute(LIFT, (list(orders),))


def held(connection: psycopg.Connection[TupleRow]) -> tuple[Hold, ...]:
    """Every open hold, the order paid longest ago first."""
    return tuple(Hold(*row) for row in connection.execute(HELD).fetchall())


def held_since(connection: psycopg.Connection[TupleRow], moment: datetime) -> frozenset[str]:
    """The orders that were held at a moment or after it: what was wrong with them a person knows."""
    return frozenset(order for (order,) in connection.execute(HELD_SINCE, (moment,)).fetchall())
