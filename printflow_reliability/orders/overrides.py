"""Overrides: a named person lets a held order go on for a limited time, and it is kept who did and why."""

from collections.abc import Mapping

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.orders.holds import held
from printflow_reliability.orders.judgement import Override
from printflow_reliability.orders.synthetic import require_customers
from printflow_reliability.platform.paid_orders import paid_items
from printflow_reliability.settings import Settings
from printflow_reliability.text import storable

IN_FORCE = """
SELECT DISTINCT ON (order_id) order_id, person, reason, until FROM order_overrides
WHERE until > now() ORDER BY order_id, id DESC"""

KEEP = """
INSERT INTO order_overrides (order_id, person, reason, until)
SELECT %(order)s, %(person)s, %(reason)s, %(until)s WHERE %(until)s > now() RETURNING id"""


def in_force(connection: psycopg.Connection[TupleRow]) -> Mapping[str, Override]:
    """The overrides that have not ended, by order."""
    rows = connection.execute(IN_FORCE).fetchall()
    return {order: Override(person, reason, until) for order, person, reason, until in rows}


def require_known(settings: Settings, connection: psycopg.Connection[TupleRow], order: str) -> None:
    """Make sure that there is one such order: a mistyped number must not let another one go some day.

    Raises:
        ConfigError: it is neither held nor paid, is the number of orders of several tenants, or is synthetic.
        CouldNotTell: it is not held, and the database does not answer, or fails on rows that may be its own; or
            nobody says whose it is, and the synthetic tenant's orders are not known.
    """
    on_hold = any(hold.order == order for hold in held(connection))
    try:
        paid = paid_items(settings, [order])
    except PrintflowError:
        if on_hold:
            return
        raise
    if not paid.items and not on_hold:
        if paid.unread:
            raise CouldNotTell(f"whether there is a paid order {order} is not known: {paid.unread}")
        raise ConfigError(f"there is no paid order {order} waiting for print, and none held", "printflow orders held")
    require_customers(settings, order, paid.items)
    if len({item.tenant for item in paid.items if item.tenant is not None}) > 1:
        raise ConfigError(
            f"orders.paid returns order {order} for several tenants, and an override would let all of them go",
            "have orders.paid return a number that only one order has, such as tenant and number together",
        )


def override(connection: psycopg.Connection[TupleRow], order: str, given: Override) -> None:
    """Let an order go on.

    Raises:
        ConfigError: nobody is named, no reason is given, or it ends in the past by the records' clock, as `in_force`.
    """
    if not given.person.strip() or not given.reason.strip():
        raise ConfigError("an override needs a person and a reason", '--by NAME --reason "proof approved by phone"')
    kept = {"order": order, "person": storable(given.person), "reason": storable(given.reason), "until": given.until}
    if connection.execute(KEEP, kept).fetchone() is None:
        raise ConfigError(f"--until: {given.until:%Y-%m-%d %H:%M:%S} UTC is over", "name a moment that is to come")
