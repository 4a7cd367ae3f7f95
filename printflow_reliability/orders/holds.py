"""Holds in the records: which paid orders must not go on, why, and since when. Lifted ones stay as history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import next_step
from printflow_reliability.text import storable

PLACE = """
INSERT INTO holds (order_id, tenant, paid_at, reason, files) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (order_id) WHERE lifted_at IS NULL
DO UPDATE SET tenant = excluded.tenant, paid_at = excluded.paid_at, reason = excluded.reason, files = excluded.files,
    checked_at = now()
RETURNING xmax = 0"""
LIFT = "UPDATE holds SET lifted_at = now(), checked_at = now() WHERE order_id = %s AND lifted_at IS NULL"
HELD = """
SELECT order_id, tenant, paid_at, reason, files, since FROM holds
WHERE lifted_at IS NULL ORDER BY paid_at NULLS FIRST, order_id"""

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
        return known or f"printflow orders check {self.order}"

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


def files_of(answer: OrderAnswer, bucket: str) -> Files:
    """What is wrong with each of an order's files, as a hold keeps it."""
    return [
        {
            "key": None if problem.key is None else storable(problem.key),
            "problem": storable(problem.text),
            "action": storable(next_step(problem, answer.order, answer.tenant, bucket)),
        }
        for problem in answer.problems
    ]


def place(connection: psycopg.Connection[TupleRow], answer: OrderAnswer, bucket: str) -> bool:
    """Hold an order, or bring its open hold up to date; says whether the hold is new."""
    reason, files = storable(answer.problems[0].text), json.dumps(files_of(answer, bucket))
    row = connection.execute(PLACE, (answer.order, answer.tenant, answer.paid_at, reason, files)).fetchall()[0]
    return bool(row[0])


def lift(connection: psycopg.Connection[TupleRow], order: str) -> bool:
    """Lift an order's open hold; says whether there was one."""
    return connection.execute(LIFT, (order,)).rowcount > 0


def held(connection: psycopg.Connection[TupleRow]) -> tuple[Hold, ...]:
    """Every open hold, the order paid longest ago first."""
    return tuple(Hold(*row) for row in connection.execute(HELD).fetchall())
