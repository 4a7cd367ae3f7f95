"""Orders of the synthetic checkout's tenant: which there are, what became of them, and the files of each."""

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.identifiers import kept
from printflow_reliability.platform.paid_orders import connect_for_orders
from printflow_reliability.platform.queries import as_table, config_errors, session
from printflow_reliability.settings import Settings

KEY = "checkout.orders"
ASKED = 'SELECT "order"::text, status::text, paid_at IS NOT NULL, key::text FROM {query}'


@dataclass(frozen=True)
class SyntheticOrder:
    """An order of the synthetic tenant.

    Attributes:
        order: its number.
        status: what the platform says of it; None where it says nothing.
        paid: whether it was paid.
        keys: the print files of its items; None for an item that has none yet.
    """

    order: str
    status: str | None
    paid: bool
    keys: tuple[str | None, ...]

    @property
    def made(self) -> bool:
        """Whether every item has its print file."""
        return bool(self.keys) and all(self.keys)

    def ended(self, statuses: Iterable[str]) -> bool:
        """Whether it has one of these statuses, in any case of letters."""
        return self.status is not None and self.status.casefold() in {status.casefold() for status in statuses}


def synthetic_orders(settings: Settings) -> tuple[SyntheticOrder, ...]:
    """The orders that `checkout.orders` returns, in their order; none where no checkout is configured.

    Raises:
        ConfigError: the query is refused, or lacks a column.
        CouldNotTell: the cluster is unreachable.
    """
    if settings.checkout is None:
        return ()
    cluster = settings.cluster_named(settings.orders.cluster)
    with session(cluster, None, connect_for_orders) as connection, config_errors(KEY, accepted=False):
        statement = sql.SQL(ASKED).format(query=as_table(settings.checkout.orders))
        try:
            rows = connection.execute(statement, {"tenant": settings.checkout.tenant}).fetchall()
        except psycopg.ProgrammingError as refused:
            if refused.sqlstate is not None:
                raise
            raise ConfigError(f"{KEY}: {refused}", "write a percent sign of its own twice: %%") from None
    found: dict[str, list[tuple[str | None, bool, str | None]]] = {}
    for order, status, paid, key in rows:
        if order:
            found.setdefault(kept(order), []).append((status, bool(paid), key or None))
    return tuple(
        SyntheticOrder(order, items[0][0], all(paid for _, paid, _ in items), tuple(key for _, _, key in items))
        for order, items in found.items()
    )
