"""Orders that the paid query no longer returns: each must be explained, since a renamed status makes all vanish.

An explanation is the platform's own word (`orders.lookup`) that the order has ended or is gone, or a named person's.
What is not explained stays known and stays held.
"""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from printflow_reliability.errors import ConfigError
from printflow_reliability.platform.paid_orders import Fate, Lookup, look_up
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted

MOST_LOOKED_UP = 2_000
"""Orders that one look asks about, held ones first; the others have their turn at another one."""
CANARIES = 10
"""Orders that are surely there, and that the lookup is asked about too: if it knows none, it asks the wrong table."""


@dataclass(frozen=True)
class Vanished:
    """Orders that were paid at the last look and are no longer returned.

    Attributes:
        explained: those that have ended, are gone, or that a person lets go.
        unexplained: the others, with what the platform says of them, if it was asked.
        untold: why nothing explains them; empty where `orders.lookup` says that they are still open.
    """

    explained: frozenset[str]
    unexplained: Mapping[str, Lookup | None]
    untold: str = ""

    def describe(self) -> str:
        """What is not explained and what to do about it, for a person; empty if all is explained."""
        if not self.unexplained:
            return ""
        count = len(self.unexplained)
        orders = f"{counted(count, 'order')} that {'was' if count == 1 else 'were'} paid"
        text = f"{orders} {'is' if count == 1 else 'are'} no longer returned by orders.paid"
        if self.untold:
            return f"{text}, and {self.untold}"
        order, told = next(
            ((order, lookup) for order, lookup in self.unexplained.items() if lookup is not None and lookup.status),
            ("", None),
        )
        return f'{text}; orders.lookup says of order {order}: "{told.status}"' if told else text

    @property
    def next_step(self) -> str:
        """What a person does about it."""
        return (
            "if they have ended, have orders.lookup say so with a status of orders.ended; if not, correct orders.paid; "
            "to let one go: printflow orders override ORDER --reason TEXT --until TIME"
        )


def known_orders(connection: psycopg.Connection[TupleRow]) -> frozenset[str]:
    """The paid orders that the last look knew."""
    return frozenset(row[0] for row in connection.execute("SELECT order_id FROM known_orders").fetchall())


def explain(
    settings: Settings,
    known: Collection[str],
    held: Collection[str],
    paid: Collection[str],
    released: Collection[str] = (),
    *,
    whole: bool = True,
) -> Vanished:
    """What became of the orders that are known and no longer paid.

    Without `orders.lookup`, orders that were ready are taken to have been fulfilled, as long as any paid order is
    returned at all and no rows failed that may have been theirs; held ones never are.

    Args:
        settings: the whole file.
        known: orders of the last look.
        held: orders on hold.
        paid: orders that the paid query returns now.
        released: orders that a named person lets go.
        whole: whether these are all paid orders, as far as can be told.

    Raises:
        CouldNotTell: the cluster is unreachable.
    """
    vanished = {*known, *held} - set(paid)
    let_go = vanished & set(released)
    gone = sorted(vanished - let_go)
    random.shuffle(gone)
    gone.sort(key=lambda order: order not in held)
    if settings.orders.lookup is None:
        unexplained = [order for order in gone if order in held or not paid or not whole]
        explained = let_go | (set(gone) - set(unexplained))
        return Vanished(frozenset(explained), dict.fromkeys(unexplained), "without orders.lookup nothing says why")
    if not gone:
        return Vanished(frozenset(let_go), {})
    canaries = random.sample(sorted(paid), min(CANARIES, len(paid)))
    try:
        answers = look_up(settings, [*gone[:MOST_LOOKED_UP], *canaries])
    except ConfigError as refused:  # the orders that are returned are judged all the same
        return Vanished(frozenset(let_go), dict.fromkeys(gone), f"what became of them cannot be asked: {refused.what}")
    # A lookup that knows none of the orders that are surely there asks the wrong table, or sees no rows of it.
    blind = all(answers[order].fate in (Fate.GONE, Fate.UNKNOWN) for order in (canaries or answers))
    believed = (Fate.ENDED,) if blind else (Fate.ENDED, Fate.GONE)
    explained = {order for order in gone if (answer := answers.get(order)) is not None and answer.fate in believed}
    left = {order: answers.get(order) for order in gone if order not in explained}
    only_gone = all(answer is None or answer.fate is Fate.GONE for answer in left.values())
    untold = "orders.lookup finds none of the orders that it is asked about" if blind and only_gone else ""
    return Vanished(frozenset(let_go | explained), left, untold)


def remember(
    connection: psycopg.Connection[TupleRow], paid: Collection[str], known: Collection[str], vanished: Vanished
) -> None:
    """Know the paid orders of this look, and forget what was explained."""
    if new := sorted(set(paid) - set(known)):
        connection.execute("INSERT INTO known_orders SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", (new,))
    if ended := sorted(vanished.explained):
        connection.execute("DELETE FROM known_orders WHERE order_id = ANY(%s)", (ended,))
