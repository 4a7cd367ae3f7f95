"""When drills last read the files of open paid orders: where not all can be read, the oldest reading comes first."""

from collections.abc import Collection, Mapping
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

KNOWN = "SELECT order_id, read_at FROM order_readings"
KEEP = """
INSERT INTO order_readings (order_id) SELECT unnest(%s::text[])
ON CONFLICT (order_id) DO UPDATE SET read_at = now()"""
FORGET = "DELETE FROM order_readings WHERE read_at < now() - interval '90 days' AND NOT order_id = ANY(%s)"
"""Orders that were open at a past moment may be asked for again by a drill to another one."""


def known(connection: psycopg.Connection[TupleRow]) -> Mapping[str, datetime]:
    """When each order's files were last read."""
    return dict(connection.execute(KNOWN).fetchall())


def keep(connection: psycopg.Connection[TupleRow], read: Collection[str], still_open: Collection[str]) -> None:
    """Remember that these orders' files were read now; orders that ended long ago are forgotten."""
    connection.execute(KEEP, (list(read),))
    connection.execute(FORGET, (list(still_open),))
