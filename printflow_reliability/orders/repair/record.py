"""The record of repairs: who did what for which order, when, and what came of it; also of those that failed."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.orders.repair.plan import Step, Way
from printflow_reliability.text import storable

Records = psycopg.Connection[TupleRow]

RESUME = """
UPDATE order_repairs SET tries = tries + 1, person = %(person)s
WHERE order_id = %(order)s AND item IS NOT DISTINCT FROM %(item)s AND way = %(way)s
  AND was IS NOT DISTINCT FROM %(was)s AND ended_at IS NULL
RETURNING id"""
BEGIN = """
INSERT INTO order_repairs (order_id, item, tenant, way, person, was, key)
VALUES (%(order)s, %(item)s, %(tenant)s, %(way)s, %(person)s, %(was)s, %(key)s) RETURNING id"""
INTERRUPTED = """
UPDATE order_repairs SET ended_at = now(), outcome = 'interrupted' WHERE order_id = %s AND ended_at IS NULL"""
END = "UPDATE order_repairs SET ended_at = now(), outcome = %s, detail = %s, key = %s WHERE id = %s"
ENDED = """
SELECT count(*) FROM order_repairs
WHERE order_id = %s AND item IS NOT DISTINCT FROM %s AND was IS NOT DISTINCT FROM %s AND way = %s
  AND outcome IN ('done', 'rejected')"""
ASKED = """
SELECT began_at, person FROM order_repairs WHERE order_id = %s AND way = %s AND outcome = 'done'
ORDER BY id DESC LIMIT 1"""


@dataclass(frozen=True)
class Begun:
    """A repair that has begun; `resumed` if an earlier try of the same was killed."""

    id: int
    resumed: bool


def begin(records: Records, order: str, step: Step, person: str) -> Begun:
    """Record that a step begins, or goes on where one was killed; whoever calls has the order's lock."""
    values = {
        "order": storable(order),
        "item": _text(step.item),
        "tenant": _text(step.problem.item.tenant if step.problem.item else None),
        "way": step.way,
        "person": storable(person),
        "was": _text(step.was),
        "key": _text(step.key),
    }
    with records.transaction():
        found = records.execute(RESUME, values).fetchone()
        row = found or records.execute(BEGIN, values).fetchone()
        assert row is not None  # noqa: S101 - an INSERT returns its row
    return Begun(row[0], found is not None)


def end(records: Records, begun: Begun, outcome: str, step: Step) -> None:
    """Record what came of it: `done`, `failed`, or `rejected` where a file was made that must not be used."""
    records.execute(END, (outcome, storable(step.detail), _text(step.key), begun.id))


def close(records: Records, order: str) -> None:
    """Record of repairs that were killed, and that none of today's went on with, that they came to no end."""
    records.execute(INTERRUPTED, (storable(order),))


def file_version(records: Records, order: str, step: Step) -> str:
    """What stands for the file that a step asks for: another one only after the last was linked or rejected."""
    ended = records.execute(ENDED, (storable(order), _text(step.item), _text(step.was), Way.REGENERATE)).fetchone()
    asked = json.dumps([order, step.item, step.was]).encode()
    return f"{hashlib.sha256(asked).hexdigest()[:24]}-{ended[0] if ended else 0}"


def asked_before(records: Records, order: str) -> tuple[datetime, str] | None:
    """When the customer of an order was asked for the artwork, and by whom; None if never."""
    found = records.execute(ASKED, (storable(order), Way.ASK)).fetchone()
    return (found[0], found[1]) if found else None


def _text(value: str | None) -> str | None:
    return None if value is None else storable(value)
