"""The manifest tells what a copy holds, and lets nobody guess a content."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.config_backup.manifest import parse
from printflow_reliability.config_backup.members import Fingerprints, Kind, Member
from printflow_reliability_tests.config_backup.copies import ENV, FINGERPRINTS, NGINX, manifest


def test_a_manifest_is_read_back_as_it_was_written() -> None:
    made = manifest(ENV, NGINX)
    assert parse(made.text().encode()) == made
    assert made.manifest_key.endswith(".json")
    assert made.files == 2


def test_a_manifest_holds_no_content_no_length_and_no_hash_that_can_be_guessed() -> None:
    text = manifest(ENV).text()
    plain = hashlib.sha256(ENV.content).hexdigest()
    unkeyed = hmac.new(b"", ENV.content, hashlib.sha256).hexdigest()
    assert not any(shown in text for shown in ("c2VjcmV0", plain, unkeyed, f'"{len(ENV.content)}"', '"size"'))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is no manifest"),
        (b"{}", "is no manifest"),
        (b"[]", "is no manifest"),
        (b"\xff", "is no manifest"),
        (b"[" * 100_000, "is no manifest"),
        (json.dumps({"format": 2}).encode(), "form 2"),
    ],
)
def test_what_is_no_manifest_is_refused(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


def test_times_without_a_zone_are_refused() -> None:
    text = manifest(ENV).text().replace("+00:00", "")
    with pytest.raises(ValueError, match="time zone"):
        parse(text.encode())


@settings(deadline=None)
@given(st.binary(max_size=50), st.binary(max_size=50))
def test_equal_contents_have_equal_hashes_at_one_path_alone(content: bytes, other: bytes) -> None:
    first = Member("files/a", Kind.FILE, content)
    assert FINGERPRINTS.of(first) == Fingerprints("a secret of the tests").of(first)
    assert FINGERPRINTS.of(first) != FINGERPRINTS.of(Member("files/b", Kind.FILE, content))
    assert FINGERPRINTS.of(first) != FINGERPRINTS.of(Member("files/a", Kind.LINK, content))
    assert FINGERPRINTS.of(first) != Fingerprints("another secret of theirs").of(first)
    assert (FINGERPRINTS.of(first) == FINGERPRINTS.of(Member("files/a", Kind.FILE, other))) == (content == other)


def test_the_random_word_of_pg_dumpall_is_no_change() -> None:
    made = [
        Member(
            "clusters/shop/roles.sql", Kind.FILE, b"\\restrict " + word + b"\nCREATE ROLE app;\n\\unrestrict " + word
        )
        for word in (b"abc", b"xyz")
    ]
    assert len({FINGERPRINTS.of(member) for member in made}) == 1
