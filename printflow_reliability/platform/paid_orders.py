"""The paid orders and the artwork that each of their items needs before it may go to print."""

from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import sql

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.queries import ConnectWith, as_table, asked, columns_of, require_columns, session
from printflow_reliability.settings import Settings

KEY = "orders.paid"


@dataclass(frozen=True)
class PaidItem:
    """One item of a paid order; `key` is None where no artwork was ever linked. Times are UTC."""

    order: str
    tenant: str
    paid_at: datetime
    key: str | None


def paid_items(
    settings: Settings, order: str | None = None, *, connect_with: ConnectWith | None = None
) -> tuple[PaidItem, ...]:
    """The items of all paid orders, or of one, oldest payment first.

    Raises:
        ConfigError: the query is refused or lacks a column.
        CouldNotTell: the cluster is unreachable.
    """
    cluster = settings.cluster_named(settings.orders.cluster)
    asked_for = sql.SQL('WHERE "order"::text = {}').format(sql.Literal(order)) if order is not None else sql.SQL("")
    query = sql.SQL(
        'SELECT "order"::text, tenant::text, paid_at, key::text FROM {} {} ORDER BY paid_at, "order"::text, key::text'
    ).format(as_table(settings.orders.paid), asked_for)
    with session(cluster, None, connect_with) as connection:
        have = columns_of(connection, KEY, settings.orders.paid)
        require_columns(KEY, have, ("order", "tenant", "paid_at", "key"))
        if not have["paid_at"].startswith("timestamp"):
            raise ConfigError(f"{KEY}: paid_at is {have['paid_at']}, not a timestamp", "mend the query")
        with asked(KEY):
            rows = connection.execute(query).fetchall()
    return tuple(PaidItem(number, tenant, _utc(paid_at), key) for number, tenant, paid_at, key in rows)


def _utc(moment: datetime) -> datetime:
    """Laravel's timestamps have no zone and are in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
