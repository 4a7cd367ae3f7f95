"""Orders whose artwork a rollback took back to an older version: held until a person lets them go, or it is undone.

The file is there and sound, so that the guard could not tell: but it is not what the customer ordered with.
"""

from collections.abc import Iterable, Mapping

import psycopg
from psycopg.rows import TupleRow

KIND = "rollback"
"""Of passes in the records: one for each rollback, whose findings are the orders that it concerns."""
FINDING = "rolled_back_order"
MARKED = """
SELECT f.owner, f.key, max(p.id) FROM findings f JOIN passes p ON p.id = f.pass_id
WHERE p.kind = %s AND f.kind = %s AND f.owner IS NOT NULL AND f.key IS NOT NULL GROUP BY 1, 2"""
FORGET = """
DELETE FROM findings f USING passes p
WHERE p.id = f.pass_id AND p.kind = %s AND f.kind = %s AND p.id >= %s AND f.key = ANY(%s)"""

RolledBack = Mapping[tuple[str, str], int]
"""The rollback that took an order's key back, by order and key."""


def rolled_back(connection: psycopg.Connection[TupleRow]) -> RolledBack:
    """Every order and key of rollbacks that were not undone."""
    return {(order, key): number for order, key, number in connection.execute(MARKED, (KIND, FINDING)).fetchall()}


def forget(connection: psycopg.Connection[TupleRow], number: int, keys: Iterable[str]) -> None:
    """Judge the orders of these keys as any other again: the rollback was not begun, or was undone.

    Those that went on with it after it was killed are forgotten with it.
    """
    marked = {key for _, key in rolled_back(connection)}
    connection.execute(FORGET, (KIND, FINDING, number, [key for key in keys if key in marked]))
