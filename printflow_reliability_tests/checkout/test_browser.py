"""The browser's process lets its page go on between two requests, and what it did meanwhile stays told."""

import queue
from typing import Any, cast

import pytest

pytest.importorskip("playwright")

from printflow_reliability.checkout import browser, payment
from printflow_reliability.checkout.page import ShopPage

PROOF = {"live_prefixes": ["pk_live_"], "address": "", "selector": "", "prefix": "pk_test_"}


class Routes:
    """A context that is only told what to do with requests."""

    def route(self, _pattern: str, _handler: object) -> None:
        return


def test_the_page_goes_on_until_the_next_request_comes() -> None:
    requests: queue.Queue[Any] = queue.Queue()

    class Page:
        went_on = 0

        def stay(self) -> None:
            self.went_on += 1
            if self.went_on == 3:
                requests.put({"do": "prove"})

    page = Page()
    assert browser._next(cast(ShopPage, page), requests) == {"do": "prove"}
    assert page.went_on == 3


def test_a_live_key_between_two_steps_stays_told_until_it_is_told_and_nothing_is_paid_meanwhile() -> None:
    mode = payment.TestMode(cast(Any, Routes()), PROOF)
    mode.require_none_sent()
    mode.sent_live = "a key of live mode"
    with pytest.raises(payment.NotProven, match="a key of live mode"):
        mode.require_none_sent()
    assert (mode.told(), mode.told()) == ("a key of live mode", "")
    mode.require_none_sent()
