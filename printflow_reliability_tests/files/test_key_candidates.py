"""A key is found in whatever a column wraps it in, and its place is told so that a query can be written for it."""

import json
import time
from typing import Any

import pytest

from printflow_reliability.files.key_candidates import MOST_IN_ONE_TEXT, candidates, keys_in

KEY = "tenants/7/Größe 50% + Rand.pdf"
PLAIN = "tenants/7/card.pdf"


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (KEY, "c"),
        (f"  {KEY}\n", "c"),
        ([KEY], "c[]"),
        ({"files": [{"path": KEY}]}, "c.files[].path"),
        (json.dumps({"files": {"path": KEY}}), "c.files.path"),
        ({KEY: {"pages": 2}}, "c (keys)"),
        ({"4711": {"path": KEY}}, "c.*.path"),
        ("\\x" + KEY.encode().hex(), "c"),
        (f'<p>Proof: <a href="{KEY}">here</a></p>', "c"),
        (f"see ![proof]({KEY}), or ask", "c"),
        (f"<files><file>{KEY}</file><file/></files>", "c"),
        (f"Please print {KEY} and ship it.", "c"),
        (f"Both: {PLAIN}; {KEY}", "c"),
        (f'a:1:{{s:4:"path";s:30:"{KEY}";}}', "c"),
    ],
)
def test_a_key_is_found_with_its_place(value: Any, place: str) -> None:
    assert (place, KEY) in set(candidates("c", value))


def test_a_key_with_parentheses_is_found_in_a_sentence() -> None:
    assert "shops/7/a+b (2).pdf" in set(keys_in("The new one is shops/7/a+b (2).pdf."))


@pytest.mark.parametrize(
    "text",
    [
        f"https://cdn.example/{PLAIN}?v=3",
        f"sent to {PLAIN}, and printed",
        f"<img src='https://cdn.example/{PLAIN}#page=2'>",
        f"the file is {PLAIN}.",
        f"&lt;{PLAIN}&gt;",
    ],
)
def test_a_key_is_found_in_a_url_and_in_a_sentence(text: str) -> None:
    assert PLAIN in set(keys_in(text))


@pytest.mark.parametrize("text", ["", "paid", "12.50", "2026-11-02", "a" * 2000 + ".pdf", "Hello there", "\n"])
def test_what_cannot_be_a_key_is_left_alone(text: str) -> None:
    assert set(keys_in(text)) == set()


def test_hostile_values_are_bounded() -> None:
    assert len(set(keys_in(" ".join(f"a/{n}.pdf" for n in range(10_000))))) < MOST_IN_ONE_TEXT + 10
    assert list(candidates("c", "[" * 100_000)) == []
    for text in ("a/ " * 10_000, "a/" * 15_000, "<a>" * 10_000, "] (" * 10_000, "'" * 30_000, "a/b c" * 6_000):
        began = time.monotonic()
        assert len(set(keys_in(text))) < MOST_IN_ONE_TEXT + 10
        assert time.monotonic() - began < 30
    assert set(candidates("c", "\\xff00")) <= {("c", "\ufffd\0")}
