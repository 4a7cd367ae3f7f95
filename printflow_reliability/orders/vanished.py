"""Orders that the paid query no longer returns: each must be explained, since a renamed status makes all vanish.

An explanation is the platform's own word (`orders.lookup`) that the order has ended or is gone. What is not explained
stays known and stays held.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.platform.paid_orders import Fate, Lookup, look_up
from printflow_reliability.settings import Settings

MOST_LOOKED_UP = 500
"""Orders that one look asks about; the others keep their turn."""


@dataclass(frozen=True)
class Vanished:
    """Orders that were paid at the last look and are no longer returned.

    Attributes:
        explained: those that have ended or are gone.
        unexplained: the others, with what the platform says of them, if it was asked.
        asked: whether `orders.lookup` is there to explain.
    """

    explained: frozenset[str]
    unexplained: Mapping[str, Lookup | None]
    asked: bool

    def describe(self) -> str:
        """A sentence for a person; empty if all is explained."""
        if not self.unexplained:
            return ""
        count = len(self.unexplained)
        orders = "1 order that was paid is" if count == 1 else f"{count:,} orders that were paid are"
        told = next((lookup for lookup in self.unexplained.values() if lookup is not None and lookup.status), None)
        why = f'; orders.lookup says "{told.status}" of them' if told else ""
        if not self.asked:
            why = ", and without orders.lookup nothing says why"
        return f"{orders} no longer returned by orders.paid{why}"


def known_orders(connection: psycopg.Connection[TupleRow]) -> frozenset[str]:
    """The paid orders that the last look knew."""
    return frozenset(row[0] for row in connection.execute("SELECT order_id FROM known_orders").fetchall())


def explain(settings: Settings, known: Collection[str], held: Collection[str], paid: Collection[str]) -> Vanished:
    """What became of the orders that are known and no longer paid.

    Without `orders.lookup`, orders that were ready are taken to have been fulfilled, as long as any paid order is
    returned at all; held ones never are.

    Raises:
        ConfigError: the lookup is refused.
        CouldNotTell: the cluster is unreachable.
    """
    gone = sorted(({*known, *held}) - set(paid), key=lambda order: (order not in held, order))
    if settings.orders.lookup is None:
        unexplained = [order for order in gone if order in held or not paid]
        return Vanished(frozenset(gone) - set(unexplained), dict.fromkeys(unexplained), asked=False)
    answers = look_up(settings, gone[:MOST_LOOKED_UP])
    # A lookup that finds nothing at all, beside a paid query that finds nothing, asks the wrong table.
    blind = not paid and all(answer.fate in (Fate.GONE, Fate.UNKNOWN) for answer in answers.values())
    ended = (Fate.ENDED,) if blind else (Fate.ENDED, Fate.GONE)
    explained = frozenset(order for order, answer in answers.items() if answer.fate in ended)
    return Vanished(explained, {order: answers.get(order) for order in gone if order not in explained}, asked=True)


def remember(
    connection: psycopg.Connection[TupleRow], paid: Collection[str], known: Collection[str], vanished: Vanished
) -> None:
    """Know the paid orders of this look, and forget what was explained."""
    if new := sorted(set(paid) - set(known)):
        connection.execute("INSERT INTO known_orders SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", (new,))
    if ended := sorted(vanished.explained):
        connection.execute("DELETE FROM known_orders WHERE order_id = ANY(%s)", (ended,))
