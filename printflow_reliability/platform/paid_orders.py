"""The paid orders, the artwork that each of their items needs, and what became of orders that are no longer paid.

A row that is odd (no tenant, a payment at infinity) is that order's own trouble: it comes out as far as it can be read.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import psycopg
from psycopg import sql

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.connect import connect, said
from printflow_reliability.platform.queries import (
    Connection,
    Connector,
    as_table,
    asked,
    columns_of,
    require_columns,
    session,
)
from printflow_reliability.settings import ClusterSettings, Settings

KEY = "orders.paid"
LOOKUP = "orders.lookup"
ITEMS = """
SELECT "order"::text, tenant::text,
       CASE WHEN paid_at > '0001-01-02' AND paid_at < '9999-12-30' THEN paid_at END, key::text
FROM {query} WHERE {condition} ORDER BY 3 NULLS FIRST, 1, 4
"""
"""Infinity, and years that Python does not have, come as NULL: when such an order was paid is not known."""
STATEMENT_SECONDS = 20
"""How long a query about paid orders may run: a look at them is over within a minute, or it is none."""


@dataclass(frozen=True)
class PaidItem:
    """One item of a paid order.

    Attributes:
        order: its number.
        tenant: whose order it is; None where the database does not say.
        paid_at: UTC; None where it is absent or impossible.
        key: None where no artwork was ever linked.
    """

    order: str
    tenant: str | None
    paid_at: datetime | None
    key: str | None


@dataclass(frozen=True)
class PaidItems:
    """The items of paid orders, oldest payment first, and how many rows name no order at all."""

    items: tuple[PaidItem, ...]
    without_order: int = 0


class Fate(StrEnum):
    """What became of an order that the paid query no longer returns."""

    ENDED = "ended"
    GONE = "gone"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Lookup:
    """What the platform says of one order: its fate, and the status that says so."""

    fate: Fate
    status: str = ""


def paid_items(
    settings: Settings, orders: Sequence[str] | None = None, *, connect_with: Connector | None = None
) -> PaidItems:
    """The items of all paid orders, or of these.

    Raises:
        ConfigError: the query is refused or lacks a column.
        CouldNotTell: the cluster is unreachable.
    """
    cluster = settings.cluster_named(settings.orders.cluster)
    condition: sql.Composable = sql.SQL("true")
    if orders is not None:
        condition = sql.SQL('"order"::text = ANY({})').format(sql.Literal(list(orders)))
    query = sql.SQL(ITEMS).format(query=as_table(settings.orders.paid), condition=condition)
    with session(cluster, None, connect_with or connect_for_orders) as connection:
        have = columns_of(connection, KEY, settings.orders.paid)
        require_columns(KEY, have, ("order", "tenant", "paid_at", "key"))
        if not have["paid_at"].startswith("timestamp"):
            raise ConfigError(f"{KEY}: paid_at is {have['paid_at']}, not a timestamp", "mend the query")
        with asked(KEY):
            rows = connection.execute(query).fetchall()
    items = tuple(
        PaidItem(order, tenant, None if paid_at is None else _utc(paid_at), key)
        for order, tenant, paid_at, key in rows
        if order
    )
    return PaidItems(items, len(rows) - len(items))


def look_up(
    settings: Settings, orders: Iterable[str], *, connect_with: Connector | None = None
) -> Mapping[str, Lookup]:
    """What became of each of these orders, by `orders.lookup`; nothing where that is not configured.

    An order whose number the query cannot take is that order's "unknown".

    Raises:
        ConfigError: the query is refused.
        CouldNotTell: the cluster is unreachable.
    """
    query = settings.orders.lookup
    if query is None:
        return {}
    cluster = settings.cluster_named(settings.orders.cluster)
    with session(cluster, None, connect_with or connect_for_orders) as connection:
        return {order: _looked_up(connection, settings, query, order) for order in orders}


def connect_for_orders(cluster: ClusterSettings, database: str | None) -> AbstractContextManager[Connection]:
    """A connection whose statements end within a look's time."""
    return connect(cluster, database=database, statement_seconds=STATEMENT_SECONDS)


def _looked_up(connection: Connection, settings: Settings, query: str, order: str) -> Lookup:
    with asked(LOOKUP):
        try:
            cursor = connection.execute(query.encode(), {"order": order})
        except psycopg.DataError as refused:  # such as a number that is none in the platform's eyes
            return Lookup(Fate.UNKNOWN, said(refused))
    names = [column.name for column in cursor.description or ()]
    require_columns(LOOKUP, dict.fromkeys(names, ""), ("order", "status"))
    row = cursor.fetchone()
    if row is None:
        return Lookup(Fate.GONE)
    if str(row[names.index("order")]) != order:
        return Lookup(Fate.UNKNOWN, f"order {row[names.index('order')]}: it does not ask for %(order)s")
    status = str(row[names.index("status")])
    ended = status.casefold() in {known.casefold() for known in settings.orders.ended}
    return Lookup(Fate.ENDED if ended else Fate.OPEN, status)


def _utc(moment: datetime) -> datetime:
    """Laravel's timestamps have no zone and are in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
