"""A listing in many requests shows each object once and in order, whatever the keys are and wherever it is divided."""

import itertools
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.storage.listing import proven, read_in_order
from printflow_reliability.storage.pages import Page, StoredObject
from printflow_reliability.storage.side_by_side import OrderBroken, SideBySide
from printflow_reliability.storage.workers import Workers
from printflow_reliability_tests.storage.model_store import ModelStore, stored

# Of these, U+FF41 sorts before U+1F600 in UTF-8 and after it in UTF-16, "-" and "!" sort before "/", "0" after it.
CHARACTERS = "/ab-!0.~\x01\r\n\u00e9\uff41\U0001f600\U0010ffff"
FOLDERS = st.sampled_from(["", "a/", "a/b/", "a-/", "a/b", "a", "tenants/", "\U0001f600/", "\uff41/", "a//", "/"])
KEYS = st.builds(str.__add__, FOLDERS, st.text(CHARACTERS, max_size=5)).filter(bool)
MANY = st.sets(KEYS, max_size=40)
R = TypeVar("R")


class AtOnce(Workers):
    """No threads: a property needs thousands of requests."""

    def submit(self, work: Callable[[], R]) -> "Future[R]":
        future: Future[R] = Future()
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        return future


def listed(
    store: ModelStore, prefix: str = "", requests: int = 3, pages_alone: int = 1, threads: type[Workers] = AtOnce
) -> list[StoredObject]:
    with threads(requests) as pool:
        pages = SideBySide("print-files", store.fetch, pool, requests, pages_alone).pages(prefix)
        return list(proven(itertools.chain.from_iterable(pages)))


def in_byte_order(keys: Collection[str]) -> list[StoredObject]:
    return [stored(key) for key in sorted(keys, key=lambda key: key.encode())]


@settings(deadline=None)
@given(MANY, st.integers(1, 7), st.integers(1, 4), st.integers(1, 2), st.sampled_from(["", "a", "a/", "tenants/"]))
def test_every_object_comes_once_and_in_byte_order(
    keys: set[str], page_keys: int, requests: int, pages_alone: int, prefix: str
) -> None:
    expected = in_byte_order({key for key in keys if key.startswith(prefix)})
    try:
        found = listed(ModelStore(keys, page_keys), prefix, requests, pages_alone)
    except OrderBroken:  # allowed where characters are listed otherwise: then all is listed once more, and sorted
        assert any(char in key for key in keys for char in "\x01\r\n")
        return
    assert found == expected


@settings(deadline=None)
@given(
    st.sets(
        st.builds("tenants/{}/orders/{}/{}.pdf".format, *(st.integers(0, 30),) * 3) | st.text("ab/", min_size=1),
        max_size=100,
    ),
    st.integers(1, 5),
)
def test_ordinary_keys_are_divided_without_a_second_listing(keys: set[str], page_keys: int) -> None:
    assert listed(ModelStore(keys, page_keys)) == in_byte_order(keys)


@settings(deadline=None)
@given(MANY, st.integers(1, 7))
def test_a_store_that_keeps_another_order_costs_a_sort_and_no_object(keys: set[str], page_keys: int) -> None:
    store = ModelStore(keys, page_keys, order=lambda key: key.encode("utf-16-be"))

    class Source:
        as_of = None

        def listed(self, prefix: str) -> "itertools.chain[StoredObject]":
            return itertools.chain(listed(store, prefix))

        def listed_anyhow(self, prefix: str) -> "itertools.chain[StoredObject]":
            pages = iter([store.fetch(prefix, "", None).objects])
            every = list(next(pages))
            while len(every) < len(store.keys):
                every += store.fetch(prefix, "", str(len(every))).objects
            return itertools.chain(every)

    assert read_in_order(Source(), "", list) == in_byte_order(keys)


def test_folders_are_listed_side_by_side_and_small_ones_together() -> None:
    keys = {f"tenants/{tenant:03}/{number}.pdf" for tenant in range(100) for number in range(10)}
    store = ModelStore(keys, 50)
    assert listed(store, requests=4, pages_alone=2, threads=Workers) == in_byte_order(keys)
    parts = {prefix for prefix, delimiter in store.asked if not delimiter}
    assert {"tenants/00", "tenants/09"} <= parts
    assert len(store.asked) < 3 * len(keys) / store.page_keys  # not a request for each folder


def test_a_small_bucket_is_one_listing() -> None:
    store = ModelStore({f"a/{number}" for number in range(20)}, 10)
    assert len(listed(store, pages_alone=4)) == 20
    assert store.asked == [("", "")] * 2


def test_objects_side_by_side_are_one_listing() -> None:
    store = ModelStore({f"uploads/{number}" for number in range(50)}, 10)
    assert len(listed(store)) == 50
    assert {prefix for prefix, delimiter in store.asked if not delimiter} == {""}


def test_a_name_that_the_store_looks_for_elsewhere_is_not_taken_for_deleted() -> None:
    class Cleaning(ModelStore):
        """A store that takes keys for file paths."""

        def fetch(self, prefix: str, delimiter: str, token: str | None) -> Page:
            return super().fetch("nowhere" if "//" in prefix else prefix, delimiter, token)

    keys = {f"{folder}/{number}" for folder in ("a", "a/", "b") for number in range(10)}
    with pytest.raises(OrderBroken):
        listed(Cleaning(keys, 5))


def test_a_listing_that_leads_in_a_circle_ends() -> None:
    class Circle(ModelStore):
        def fetch(self, prefix: str, delimiter: str, token: str | None) -> Page:
            return replace(super().fetch(prefix, delimiter, token), token="0")

    with pytest.raises(CouldNotTell, match="circle"):
        listed(Circle({"a"}, 1), pages_alone=4)


@pytest.mark.parametrize("begin", ["a", "a/"])
def test_names_within_names_are_listed_too(begin: str) -> None:
    nested = {begin * length for length in range(1, 300)}
    assert listed(ModelStore(nested, 3)) == in_byte_order(nested)
