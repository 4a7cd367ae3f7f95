"""Spellings of one key that people make, and what is no near miss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.files.near_miss import difference, variants
from printflow_reliability.platform.spelling import folded, has_parent_segment, plain

GOOD = "tenants/1/orders/Über uns.pdf"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("tenants/1/orders/über Uns.PDF", "case"),
        ("tenants/1/orders/%C3%9Cber%20uns.pdf", "percent-encoded"),
        ("tenants/1/orders/U\u0308ber uns.pdf", "normal form"),
        ("/tenants/1/orders/Über uns.pdf", "slash stands before"),
        ("tenants/1//orders/Über uns.pdf", "doubled"),
        ("https://s3.example.com/printflow360/tenants/1/orders/Über uns.pdf", "URL"),
        ("tenants/1/orders/Über uns.pdf?v=3", "query string"),
        ("storage/tenants/1/orders/Über uns.pdf", "'storage/' stands before"),
        ("/storage/tenants/1/orders/Über uns.pdf", "'/storage/' stands before"),
        ("public/tenants/1/orders/Über uns.pdf", "'public/' stands before"),
        ("printflow360/tenants/1/orders/Über uns.pdf", "'printflow360/' stands before"),
        (" tenants/1/orders/Über uns.pdf\n", "spaces"),
        ("tenants\\1\\orders\\Über uns.pdf", "backslash"),
        ("tenants/1/./orders/Über uns.pdf", "encoded"),
        ("tenants/1/orders/%25C3%259Cber%2520uns.pdf", "encoded"),
        ("tenants/1/orders/Über+uns.pdf", "spelling"),
        ("s3://printflow360/tenants/1/orders/Über uns.pdf", "URL"),
        ("//cdn.example.com/tenants/1/orders/Über uns.pdf?v=3#page=2", "URL"),
        ("https://printflow360.s3.example.com/tenants/1/orders/%C3%9Cber%20uns.pdf?X-Amz-Expires=60", "URL"),
    ],
)
def test_a_near_miss_folds_to_the_same_and_says_in_what_it_differs(key: str, why: str) -> None:
    assert folded(key, "printflow360") == folded(GOOD, "printflow360")
    assert why in difference(key, GOOD)


def test_another_file_is_no_near_miss() -> None:
    assert folded("tenants/1/orders/Über uns 2.pdf", "b") != folded(GOOD, "b")


def test_an_ordinary_key_has_no_other_spellings_to_ask_for() -> None:
    assert variants("tenants/1/orders/7/print-ready.pdf", ("tenants/1/orders/7/print-ready.pdf",), "b") == ()


@pytest.mark.parametrize("key", ["a/../b", "../a", "a/..", "a/%2e%2e/b", "a/%2E%2E%2Fb"])
def test_a_key_that_climbs_is_seen(key: str) -> None:
    assert has_parent_segment(key)


@pytest.mark.parametrize("key", ["a/..b", "a/b..pdf", "a/...", "100%", "a/.b"])
def test_dots_within_a_name_do_not_climb(key: str) -> None:
    assert not has_parent_segment(key)


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_key_can_be_folded_and_varied(key: str) -> None:
    assert folded(key, "b") == folded(key, "b")
    assert key not in variants(key, (plain(key, "b"),), "b")
