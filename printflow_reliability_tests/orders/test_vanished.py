"""Orders that are no longer paid: only the platform's own word lifts a hold, and a fall to nothing explains nothing."""

from collections.abc import Collection, Iterable, Mapping

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.orders import vanished
from printflow_reliability.platform.paid_orders import Fate, Lookup
from printflow_reliability.settings import OrdersSettings, Settings

KNOWN = {"1", "2", "3"}


ENDED, OPEN, GONE = Lookup(Fate.ENDED, "refunded"), Lookup(Fate.OPEN, "payment_received"), Lookup(Fate.GONE)


def explained(
    monkeypatch: pytest.MonkeyPatch,
    paid: set[str],
    held: set[str],
    answers: Mapping[str, Lookup] | Exception | None,
    released: Collection[str] = (),
) -> tuple[set[str], set[str], str]:
    """What is explained, what is not, and what is said of it; the lookup gives these answers, or is not configured."""

    def look_up(_: Settings, orders: Iterable[str]) -> Mapping[str, Lookup]:
        if isinstance(answers, Exception):
            raise answers
        return {order: (answers or {}).get(order, GONE) for order in orders}

    orders = OrdersSettings(cluster="c", bucket="b", paid="", lookup=None if answers is None else "SELECT")
    monkeypatch.setattr(vanished, "look_up", look_up)
    found = vanished.explain(Settings.model_construct(orders=orders), KNOWN, held, paid, released)
    assert set(found.explained) | set(found.unexplained) == (KNOWN | held) - paid
    return set(found.explained), set(found.unexplained), found.describe()


def test_an_order_that_was_fulfilled_or_is_gone_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explained(monkeypatch, {"3"}, {"1"}, {"1": ENDED, "3": OPEN}) == ({"1", "2"}, set(), "")


def test_a_renamed_status_explains_nothing_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    done, left, told = explained(monkeypatch, set(), {"1"}, dict.fromkeys(KNOWN, OPEN))
    assert (done, left) == (set(), KNOWN)
    assert told == (
        "3 orders that were paid are no longer returned by orders.paid; "
        'orders.lookup says of order 1: "payment_received"'
    )


def test_a_status_that_was_renamed_for_some_orders_keeps_those_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    done, left, told = explained(monkeypatch, {"3"}, {"1"}, {"1": OPEN, "2": ENDED, "3": OPEN})
    assert (done, left) == ({"2"}, {"1"})
    assert told.startswith("1 order that was paid is no longer returned")


@pytest.mark.parametrize("paid", [set(), {"3"}])
def test_a_lookup_that_finds_no_order_that_is_surely_there_is_blind(
    monkeypatch: pytest.MonkeyPatch, paid: set[str]
) -> None:
    done, left, told = explained(monkeypatch, paid, {"1"}, {})
    assert (done, left) == (set(), KNOWN - paid)
    assert "orders.lookup finds none of the orders that it is asked about" in told


def test_a_lookup_that_knows_how_one_order_ended_is_believed_that_others_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert explained(monkeypatch, set(), {"1"}, {"1": ENDED})[:2] == (KNOWN, set())


def test_an_order_that_the_lookup_cannot_be_asked_for_is_that_orders_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Lookup(Fate.UNKNOWN, "invalid input syntax for type bigint")
    done, left, told = explained(monkeypatch, {"3"}, {"1"}, {"1": odd, "2": ENDED, "3": OPEN})
    assert (done, left) == ({"2"}, {"1"})
    assert 'orders.lookup says of order 1: "invalid input syntax' in told


def test_a_lookup_that_the_database_refuses_explains_nothing_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ConfigError("orders.lookup: the database refused it: no such column", "correct it")
    done, left, told = explained(monkeypatch, {"3"}, {"1"}, refused)
    assert (done, left) == (set(), {"1", "2"})
    assert "what became of them cannot be asked: orders.lookup: the database refused it: no such column" in told


@pytest.mark.parametrize("answers", [None, {}, dict.fromkeys(KNOWN, OPEN)])
def test_an_order_that_a_person_lets_go_is_explained(
    monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, Lookup] | None
) -> None:
    done, left, _ = explained(monkeypatch, set(), {"1", "2"}, answers, released=["1"])
    assert (done, left) == ({"1"}, {"2", "3"})


def test_of_more_vanished_orders_than_can_be_asked_about_each_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vanished, "MOST_LOOKED_UP", 1)
    answers = {"1": OPEN, "2": ENDED, "3": OPEN}
    assert any(explained(monkeypatch, {"3"}, {"1", "2"}, answers)[0] for _ in range(100))


def test_without_a_lookup_a_held_order_is_never_explained_and_nothing_is_if_none_is_paid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert explained(monkeypatch, {"3"}, {"1"}, None)[:2] == ({"2"}, {"1"})
    done, left, told = explained(monkeypatch, set(), set(), None)
    assert (done, left) == (set(), KNOWN)
    assert "without orders.lookup nothing says why" in told
