"""The paid orders, the artwork that each of their items needs, and what became of orders that are no longer paid.

A row that is odd (no tenant, a payment at infinity, a query that fails on it) is that order's own trouble: it comes
out as far as it can be read.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

import psycopg
from psycopg import sql

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.connect import connect, error_text
from printflow_reliability.platform.encodings import WITHOUT
from printflow_reliability.platform.identifiers import checksum_of, kept
from printflow_reliability.platform.queries import (
    OF_THE_STATEMENT,
    Connection,
    Connector,
    FailsOnData,
    as_table,
    columns_of,
    config_errors,
    fails_on_data,
    require_columns,
    session,
)
from printflow_reliability.platform.row_by_row import NO_TIME, SECONDS, Query, Rows, rows_of
from printflow_reliability.platform.tenancy import tenancy
from printflow_reliability.settings import ClusterSettings, Settings
from printflow_reliability.text import counted

KEY = "orders.paid"
LOOKUP = "orders.lookup"
ASKED = 'SELECT "order"::text, status::text FROM {query}'
"""Whatever else the lookup returns, such as a payment at infinity, is not read."""
ITEMS = sql.SQL(""""order"::text, tenant::text,
CASE WHEN paid_at > '0001-01-02' AND paid_at < '9999-12-30' THEN paid_at END, key::text, {item}, {folder}""")
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
        item: what identifies it; None where the query does not say.
        folder: the prefix below which its files lie and no other order's; None where the query does not say.
        refusal: why the database does not give the order's rows; then nothing else is known of it.
    """

    order: str
    tenant: str | None
    paid_at: datetime | None
    key: str | None
    refusal: str = ""
    item: str | None = None
    folder: str | None = None


@dataclass(frozen=True)
class PaidItems:
    """The items of paid orders, and what could not be read.

    Attributes:
        items: all that were read.
        without_order: how many rows name no order at all.
        unread_orders: orders that are paid, and that there was no time to read.
        unread_tenants: tenants whose paid orders are not known, and why; None stands for orders of no tenant.
        others: why orders of tenants that `tenancy.tenants` does not return are not known; empty if they are.
    """

    items: tuple[PaidItem, ...]
    without_order: int = 0
    unread_orders: frozenset[str] = frozenset()
    unread_tenants: Mapping[str | None, str] = field(default_factory=dict)
    others: str = ""

    @property
    def whole(self) -> bool:
        """Whether the numbers of all paid orders are known."""
        return not self.unread_tenants and not self.others

    @property
    def unread(self) -> str:
        """What could not be read, for a person; empty if everything was."""
        told = []
        if self.unread_tenants:
            tenant, why = next(iter(self.unread_tenants.items()))
            whose = f"tenant {tenant}" if tenant is not None else "no tenant"
            more = counted(len(self.unread_tenants) - 1, "other tenant")
            told.append(
                f"{KEY} fails on rows of {whose}{f' and {more}' if len(self.unread_tenants) > 1 else ''}: {why}"
            )
        if self.others:
            told.append(f"{KEY} fails on rows that tell no tenant of tenancy.tenants: {self.others}")
        if self.unread_orders:
            orders, first = counted(len(self.unread_orders), "paid order"), min(self.unread_orders)
            told.append(f"{KEY} fails on many rows, and {orders} could not be read in time, such as {first}")
        return "; ".join(told)


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
    with session(cluster, None, connect_with or connect_for_orders) as connection:
        have = columns_of(connection, KEY, settings.orders.paid)
        require_columns(KEY, have, ("order", "tenant", "paid_at", "key"))
        if not have["paid_at"].startswith("timestamp"):
            raise ConfigError(f"{KEY}: paid_at is {have['paid_at']}, not a timestamp", "mend the query")
        query = Query(KEY, as_table(settings.orders.paid), _columns(have), "order", have["order"])
        try:
            read, others = rows_of(connection, query), ""
            unread: Mapping[str | None, str] = {}
        except FailsOnData:
            read, unread, others = _by_tenant(connection, query, have["tenant"], _known_tenants(settings, connect_with))
    wanted = None if orders is None else set(orders)
    items = [
        PaidItem(
            kept(order), tenant and kept(tenant), None if paid_at is None else _utc(paid_at), key, "", item, folder
        )
        for order, tenant, paid_at, key, item, folder in read.rows
        if order
    ]
    items += [PaidItem(kept(order), None, None, None, why) for order, why in read.failing.items() if order]
    without_order = sum(not row[0] for row in read.rows) + sum(not order for order in read.failing)
    # Not a condition of the query: text in no encoding cannot be asked for by what it is read as.
    return PaidItems(
        tuple(item for item in items if wanted is None or item.order in wanted),
        without_order,
        frozenset(kept(order) for order in read.unread if order and (wanted is None or kept(order) in wanted)),
        unread,
        others,
    )


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


def _columns(have: Mapping[str, str]) -> sql.Composable:
    """What is read of the query; a column that may be left out comes as NULL where it is."""
    absent = sql.SQL("NULL::text")
    read = {name: sql.SQL("{}::text").format(sql.Identifier(name)) for name in ("item", "folder")}
    return ITEMS.format(**{name: column if name in have else absent for name, column in read.items()})


def _known_tenants(settings: Settings, connect_with: Connector | None) -> list[str | None]:
    platform = tenancy(settings, connect_with=connect_with or connect_for_orders)
    return [*(tenant.id for tenant in platform.tenants), *platform.odd, None]


def _by_tenant(
    connection: Connection, query: Query, tenant_type: str, tenants: Iterable[str | None]
) -> tuple[Rows, Mapping[str | None, str], str]:
    """The rows of a query that fails on rows that it would not return: each tenant's, and of some the orders that fail.

    Returns:
        The rows by order, the tenants whose rows could not be read, and why those of unknown tenants could not.

    Raises:
        FailsOnData: nothing could be read.
    """
    deadline = time.monotonic() + SECONDS
    by_tenant = replace(query, identifier="tenant", type_name=tenant_type)
    found = rows_of(connection, by_tenant, names=tenants)
    unread = dict.fromkeys(found.unread, NO_TIME)
    rows, failing, late = [*found.rows], dict[str | None, str](), list[str | None]()
    for tenant, why in found.failing.items():
        left = deadline - time.monotonic()
        try:
            theirs = rows_of(connection, replace(query, within=by_tenant.of([tenant])), seconds=left)
        except FailsOnData:
            unread[tenant] = why
            continue
        rows += theirs.rows
        failing |= theirs.failing
        late += theirs.unread
    return Rows(rows, failing, late), unread, found.others


def _looked_up(connection: Connection, settings: Settings, query: str, order: str) -> Lookup:
    if checksum_of(order) is not None:
        return Lookup(Fate.UNKNOWN, "its number is too long to be asked for")
    if connection.info.encoding == WITHOUT and "\\x" in order:  # an escape, which the database does not know
        return Lookup(Fate.UNKNOWN, "its number is text in no encoding")
    with config_errors(LOOKUP):
        try:
            rows = connection.execute(sql.SQL(ASKED).format(query=as_table(query)), {"order": order}).fetchall()
        except psycopg.DatabaseError as refused:  # such as a number that is none in the platform's eyes
            # Nothing had this query accepted before.
            if not fails_on_data(refused) or str(refused.sqlstate).startswith(OF_THE_STATEMENT):
                raise
            return Lookup(Fate.UNKNOWN, error_text(refused))
    if not rows:
        return Lookup(Fate.GONE)
    if other := next((found for found, _ in rows if found != order), None):
        return Lookup(Fate.UNKNOWN, f"order {other}: it does not ask for %(order)s")
    ended = {known.casefold() for known in settings.orders.ended}
    # Where two orders have one number, both must have ended.
    left = [status for _, status in rows if status is None or status.casefold() not in ended]
    if not left:
        return Lookup(Fate.ENDED, rows[0][1])
    return Lookup(Fate.UNKNOWN, "it has no status") if left[0] is None else Lookup(Fate.OPEN, left[0])


def _utc(moment: datetime) -> datetime:
    """Laravel's timestamps have no zone and are in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
