"""`.env` files as phpdotenv and dotenv read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.posture.dotenv import Environment, parse

VALUES = {
    "plain": ("A=b", "b"),
    "spaces around": ("A = b c  ", "b c"),
    "export": ("export A=b", "b"),
    "comment": ("A=b # c", "b"),
    "no comment without a space": ("A=b#c", "b#c"),
    "only a comment": ("A= # c", ""),
    "empty": ("A=", ""),
    "single quotes are literal": ("B=1\nA='${B} \\n'", "${B} \\n"),
    "double quotes": ('A="b # c"', "b # c"),
    "escapes": (r'A="b\"c\\d\n\$e"', 'b"c\\d\n$e'),
    "two lines": ('A="b\nc"', "b\nc"),
    "interpolation": ("B=x\nA=${B}y", "xy"),
    "interpolation in quotes": ('B=x\nA="${B}y"', "xy"),
    "interpolation of nothing": ("A=${B}", "${B}"),
    "the last counts": ("A=b\nA=c", "c"),
    "CRLF": ("B=1\r\nA=b\r\n", "b"),
    "BOM": ("\ufeffA=b", "b"),
    "after a quoted value": ("B='1' # x\nA=b", "b"),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_is_what_the_libraries_read(kind: str) -> None:
    text, value = VALUES[kind]
    assert parse(".env", text).variables["A"].value == value


def test_lines_are_counted_through_quoted_values_of_several_lines() -> None:
    read = parse(".env", 'A="1\n2\n3"\n\n# c\nB=4\n')
    assert (read.variables["A"].line, read.variables["B"].line) == (1, 6)


def test_a_name_that_is_given_twice_with_different_values_is_named_and_with_the_same_is_not() -> None:
    assert parse(".env", "A=1\nB=1\nA=2\nB=1\n").duplicates == {"A": 3}


def test_a_line_that_is_no_assignment_is_named_and_hides_no_other() -> None:
    read = parse(".env", 'nonsense\nA=1\nB="open\nC=2\n')
    assert read.malformed == (1, 3)
    assert {name: variable.value for name, variable in read.variables.items()} == {"A": "1", "C": "2"}


def test_a_secret_is_not_shown_and_can_be_compared() -> None:
    left, right = (parse(".env", f"APP_KEY={value}").variables["APP_KEY"] for value in ("hunter2", "'hunter2'"))
    assert left.digest == right.digest
    assert "hunter2" not in left.shown + repr(left)


@pytest.mark.parametrize(
    ("name", "value"),
    [("APP_ENV", "postgres://u:hunter2@h"), ("NOTE", "x" * 50), ("PAYMENT_MODE", "sk_live_4eC3"), ("DB_URL", "h2")],
)
def test_what_may_be_a_secret_by_its_form_or_its_name_is_not_shown(name: str, value: str) -> None:
    assert value not in parse(".env", f"{name}={value}").variables[name].shown


@pytest.mark.parametrize("value", ["production", "(true)", "redis", "60", "my-cache"])
def test_a_word_and_a_small_number_are_shown(value: str) -> None:
    assert parse(".env", f"NOTE={value}").variables["NOTE"].shown == value


@given(st.text(alphabet=st.sampled_from(" =#'\"\\${}\nABab\r\ufeff"), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(parse(".env", text), Environment)
