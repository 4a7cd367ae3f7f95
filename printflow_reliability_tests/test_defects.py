"""A defect is told in the program's own words: whatever data stands in its message is left out, whoever's it is."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.defects import described, own_words, traced

NAMES = st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ\u00c4\u00d8\u0416"), min_size=5, max_size=30)


def raised(customer: str) -> Exception:
    """An error of the product, as one that nobody expected."""
    try:
        try:
            int(customer)
        except ValueError as wrong:
            raise RuntimeError(f"cannot print the card of {customer}, order 17") from wrong
    except RuntimeError as error:
        return error
    raise AssertionError


@given(NAMES)
def test_no_name_is_told_and_every_word_of_ours_is(customer: str) -> None:
    error = raised(customer)

    assert described(error) == "RuntimeError: cannot print the card of […], order 17"
    assert customer not in traced(error)
    assert "ValueError: invalid literal for int() with base 10: '[…]'" in traced(error)


def test_the_traceback_shows_where_with_its_causes_first() -> None:
    said = traced(raised("ADA LOVELACE"))
    assert said.index("ValueError") < said.index("and then") < said.index("RuntimeError")
    assert "in raised" in said


def test_a_tenant_is_told() -> None:
    tenant = str(uuid.uuid4())
    assert tenant in own_words(f"cannot print {tenant}", raised("ADA"))


def test_a_name_in_small_letters_and_one_beside_another_are_one_gap() -> None:
    assert own_words("the card of ada 'lovelace' 10482", raised("ADA")) == "the card of […]"


def test_every_member_of_a_group_is_told_and_none_shows_data() -> None:
    group = ExceptionGroup("two of the card", [raised("BYRON"), KeyError("LOVELACE")])
    assert "BYRON" not in traced(group)
    assert "LOVELACE" not in traced(group)
    assert "KeyError: '[…]'" in traced(group)


@pytest.mark.parametrize("error", [KeyError(), RuntimeError("")])
def test_an_error_that_says_nothing_is_its_kind(error: Exception) -> None:
    assert described(error) == type(error).__name__


def test_an_error_that_causes_itself_ends() -> None:
    error = RuntimeError("x")
    error.__context__ = other = ValueError("y")
    other.__context__ = error
    assert "ValueError" in traced(error)
