"""The text format: every value reads back as it was, whatever it holds, and no value breaks out of its line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.overview.exposition import Gauge, exposed
from printflow_reliability_tests.overview.samples import read


@given(text=st.text(), value=st.floats(allow_nan=False) | st.integers(-(2**60), 2**60))
def test_every_label_and_value_reads_back(text: str, value: float) -> None:
    gauge = Gauge("printflow_held_orders", 'Orders\nand a \\ and a "quote".')
    gauge.add(value, holder=text, more="a,b}")

    written = text.encode("utf-8", "backslashreplace").decode()
    assert read(exposed([gauge])) == [("printflow_held_orders", {"holder": written, "more": "a,b}"}, float(value))]


def test_the_values_without_a_number_are_those_of_the_format() -> None:
    gauge = Gauge("a", "b")
    for value in (math.inf, -math.inf, math.nan):
        gauge.add(value)
    assert [line.split()[1] for line in exposed([gauge]).splitlines()[2:]] == ["+Inf", "-Inf", "NaN"]


def test_a_family_without_samples_is_left_out_and_a_wrong_name_is_refused() -> None:
    assert exposed([Gauge("a", "b")]) == ""
    with pytest.raises(ValueError, match="no name"):
        Gauge("a b", "c")
