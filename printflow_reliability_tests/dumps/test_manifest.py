"""A manifest says what was sent; what somebody else put there is no manifest, and no crash."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.dumps.manifest import DUMP, MANIFEST, PREFIX, folder, new_key, parse
from printflow_reliability_tests.dumps.manifests import NOW, manifest

PLAIN = set(string.ascii_letters + string.digits + "_.-")


def test_what_was_written_is_read() -> None:
    written = manifest()
    assert parse(written.text().encode()) == written


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff", b"[]", b"null", b"{}", b"[" * 100_000, b'{"format": 1}', manifest().text().encode()[:-20]],
)
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="is no manifest"):
        parse(text)


def test_the_manifest_of_a_newer_program_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="has form 2"):
        parse(json.dumps({**json.loads(manifest().text()), "format": 2}).encode())


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        parse(manifest(NOW.replace(tzinfo=None)).text().encode())


@given(st.text(min_size=1), st.text(min_size=1))
def test_every_name_gives_a_plain_key_of_its_own(one: str, other: str) -> None:
    first, second = folder("shop", one), folder("shop", other)
    assert (first == second) == (one == other)
    assert first.startswith(PREFIX)
    parts = first.removeprefix(PREFIX).rstrip("/").split("/")
    assert len(parts) == 2
    assert all(set(part) <= PLAIN and part.strip(".") for part in parts)


def test_two_dumps_of_one_second_have_different_keys() -> None:
    keys = {new_key("a", "b", NOW, "daily") for _ in range(20)}
    assert len(keys) == 20
    assert all(key.endswith(DUMP) for key in keys)
    assert manifest().manifest_key.endswith(MANIFEST)
