"""The text format: every value reads back as it was, whatever it holds, and no value breaks out of its line."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.overview.exposition import Gauge, exposed

SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? '
    r"(?P<value>[-+0-9.e]+|NaN|[+-]Inf)"
)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"')
UNESCAPED = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


def read(text: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a text, by the grammar of the format."""
    samples = []
    assert text.endswith("\n")
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .*", line)
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        labels = {
            name: re.sub(r"\\[\\n\"]", lambda escape: UNESCAPED[escape[0]], value)
            for name, value in LABEL.findall(found["labels"] or "")
        }
        samples.append((found["name"], labels, float(found["value"].replace("Inf", "inf"))))
    return samples


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
