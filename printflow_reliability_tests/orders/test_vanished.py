"""Orders that are no longer paid: only the platform's own word lifts a hold, and a fall to nothing explains nothing."""

from collections.abc import Mapping

import pytest

from printflow_reliability.orders import vanished
from printflow_reliability.platform.paid_orders import Fate, Lookup
from printflow_reliability.settings import OrdersSettings, Settings

KNOWN = {"1", "2", "3"}


def explained(
    monkeypatch: pytest.MonkeyPatch, paid: set[str], held: set[str], answers: Mapping[str, Lookup] | None
) -> tuple[set[str], set[str], str]:
    orders = OrdersSettings(cluster="c", bucket="b", paid="", lookup=None if answers is None else "SELECT")
    settings = Settings.model_construct(orders=orders)
    monkeypatch.setattr(
        vanished,
        "look_up",
        lambda _, orders: {order: (answers or {}).get(order, Lookup(Fate.GONE)) for order in orders},
    )
    found = vanished.explain(settings, KNOWN, held, paid)
    return set(found.explained), set(found.unexplained), found.describe()


def test_an_order_that_was_fulfilled_or_is_gone_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"1": Lookup(Fate.ENDED, "refunded"), "3": Lookup(Fate.OPEN, "paid")}
    assert explained(monkeypatch, {"3"}, {"1"}, answers) == ({"1", "2"}, set(), "")


def test_a_lookup_that_does_not_know_an_order_that_is_paid_is_not_believed_that_others_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done, left, told = explained(monkeypatch, {"3"}, {"1"}, {"1": Lookup(Fate.ENDED, "refunded")})
    assert (done, left) == ({"1"}, {"2"})
    assert "finds none of the orders that it is asked about" in told


def test_a_renamed_status_explains_nothing_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = dict.fromkeys(KNOWN, Lookup(Fate.OPEN, "payment_received"))
    done, left, told = explained(monkeypatch, set(), {"1"}, answers)
    assert (done, left) == (set(), KNOWN)
    assert "3 orders that were paid are no longer returned by orders.paid" in told
    assert '"payment_received"' in told


def test_a_lookup_that_finds_nothing_beside_a_query_that_finds_nothing_is_blind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert explained(monkeypatch, set(), {"1"}, {})[:2] == (set(), KNOWN)
    one_found = {"1": Lookup(Fate.ENDED, "fulfilled")}
    assert explained(monkeypatch, set(), {"1"}, one_found)[:2] == (KNOWN, set())


def test_without_a_lookup_a_held_order_is_never_explained_and_nothing_is_if_none_is_paid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert explained(monkeypatch, {"3"}, {"1"}, None)[:2] == ({"2"}, {"1"})
    done, left, told = explained(monkeypatch, set(), set(), None)
    assert (done, left) == (set(), KNOWN)
    assert "without orders.lookup nothing says why" in told
