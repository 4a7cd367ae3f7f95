"""A key is found in whatever a column wraps it in, and its place is told so that a query can be written for it."""

import json
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
        (f'a:1:{{s:4:"path";s:30:"{KEY}";}}', "c"),
    ],
)
def test_a_key_is_found_with_its_place(value: Any, place: str) -> None:
    assert (place, KEY) in set(candidates("c", value))


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
    assert set(candidates("c", "\\xff00")) <= {("c", "\ufffd\0")}
