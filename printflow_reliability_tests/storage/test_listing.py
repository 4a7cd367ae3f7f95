"""The order of a listing is proven, mended where it is broken, and a repeated key is an incomplete listing."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.storage import listing
from printflow_reliability.storage.listing import in_order, proven, read_in_order
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.side_by_side import OrderBroken
from printflow_reliability.storage.sources import ObjectListing
from printflow_reliability_tests.storage.list_server import page, serving

KEYS = st.text(st.characters(codec="utf-8"), max_size=8)


def stored(key: str) -> StoredObject:
    return StoredObject(key, len(key), "etag", datetime(2026, 11, 2, tzinfo=UTC))


@given(st.lists(KEYS, unique=True))
def test_a_listing_in_byte_order_passes_the_gate(keys: list[str]) -> None:
    objects = [stored(key) for key in sorted(keys, key=lambda key: key.encode())]
    assert list(proven(objects)) == objects


@given(st.lists(KEYS, unique=True, min_size=2))
def test_a_listing_in_any_other_order_does_not(keys: list[str]) -> None:
    ordered = sorted(keys, key=lambda key: key.encode())
    if keys == ordered:
        keys = keys[::-1]
    with pytest.raises(OrderBroken):
        list(proven(map(stored, keys)))


@given(st.lists(KEYS, unique=True), st.integers(1, 7), st.integers(2, 4))
def test_sorting_in_runs_on_disk_gives_the_byte_order(keys: list[str], run_objects: int, most_runs: int) -> None:
    expected = [stored(key) for key in sorted(keys, key=lambda key: key.encode())]
    assert list(in_order(map(stored, keys), run_objects, most_runs)) == expected


def test_an_object_is_written_once_for_each_power_of_the_runs_and_not_for_each_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written, spilled = [], listing._spilled

    def counted(run: Iterable[StoredObject]) -> listing._Run:
        objects = list(run)
        written.append(len(objects))
        return spilled(objects)

    monkeypatch.setattr(listing, "_spilled", counted)
    count, most_runs = 256, 4
    keys = [f"{(number * 77) % count:03d}" for number in range(count)]
    assert [found.key for found in in_order(map(stored, keys), 1, most_runs)] == sorted(keys)
    assert sum(written) == count * (1 + round(math.log(count, most_runs)))


@pytest.mark.parametrize("keys", [["a", "a"], ["a", "b", "a"]])
def test_a_key_that_comes_twice_is_an_incomplete_listing(keys: list[str]) -> None:
    with pytest.raises(CouldNotTell, match="twice"):
        list(in_order(map(stored, keys), 2))


def test_an_immediate_repetition_is_noticed_as_it_streams() -> None:
    with pytest.raises(CouldNotTell, match="twice"):
        list(proven(map(stored, ["a", "b", "b"])))


def test_a_store_that_breaks_the_order_is_read_once_more_sorted() -> None:
    with serving(lambda _: (200, page(["1/x", "1-b/x", "1.pdf"]))) as bucket:
        assert read_in_order(ObjectListing(bucket), "", lambda objects: [listed.key for listed in objects]) == [
            "1-b/x",
            "1.pdf",
            "1/x",
        ]


def test_objects_that_are_listed_as_one_key_are_no_incomplete_listing() -> None:
    unwritable = "a\ufffdb"
    assert [listed.key for listed in proven(map(stored, ["a", unwritable, unwritable]))] == ["a", unwritable]
    assert [listed.key for listed in in_order(map(stored, [unwritable, "a", unwritable]), 2)] == ["a", unwritable]
