"""Stored bytes against their checksums: every flipped, lost or added byte is found, however the bytes arrive."""

import bz2
import gzip
import hashlib
from collections.abc import Callable, Iterator

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.backups.ledger.manifest import Part
from printflow_reliability.backups.ledger.plan import WRONG_SIZE
from printflow_reliability.backups.ledger.reading import UNMATCHED, UNUSABLE, compare_content, compare_parts

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "lz4": lambda content: bytes(lz4.frame.compress(content, content_checksum=True)),
    "zst": zstandard.ZstdCompressor(write_checksum=False).compress,
    "": bytes,
}
SEGMENT = bytes(range(256)) * 40 + b"\0" * 5000


def sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def pieces(content: bytes, length: int) -> Iterator[bytes]:
    return (content[start : start + length] for start in range(0, len(content), length))


@st.composite
def bundles(draw: st.DrawFn) -> tuple[bytes, tuple[Part, ...], frozenset[int]]:
    """A bundle, its parts, and the positions of bytes that belong to none."""
    content, parts, between = b"", [], set()
    for body in draw(st.lists(st.binary(max_size=30), min_size=1, max_size=6)):
        gap = draw(st.binary(max_size=3))
        between |= set(range(len(content), len(content) + len(gap)))
        content += gap
        parts.append(Part(len(content), len(body), sha1(body)))
        content += body
    return content, tuple(parts), frozenset(between)


@settings(deadline=None)
@given(bundles(), st.integers(1, 40), st.data())
def test_a_flipped_byte_of_any_part_is_found_and_one_between_them_harms_nobody(
    bundle: tuple[bytes, tuple[Part, ...], frozenset[int]], length: int, data: st.DataObject
) -> None:
    content, parts, between = bundle
    assert compare_parts(pieces(content, length), parts, len(content)) is None
    if content:
        at = data.draw(st.integers(0, len(content) - 1))
        flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        expected = None if at in between else UNMATCHED
        assert compare_parts(pieces(flipped, length), parts, len(content)) == expected
        cut = compare_parts(pieces(content[:at], length), parts, len(content))
        assert cut == WRONG_SIZE


def test_parts_beyond_the_end_are_not_good() -> None:
    """The listing and the store agree on a size that the manifest does not know."""
    assert compare_parts(pieces(b"abc", 2), (Part(0, 3, sha1(b"abc")), Part(3, 2, sha1(b"de"))), 3) == UNMATCHED


def test_a_part_without_a_checksum_is_never_called_good() -> None:
    assert compare_parts(pieces(b"abc", 2), (Part(0, 3, None),), 3) == UNMATCHED


@pytest.mark.parametrize("extension", COMPRESS)
def test_a_segment_is_its_content_whatever_compressed_it(extension: str) -> None:
    stored = COMPRESS[extension](SEGMENT)

    assert compare_content(pieces(stored, 1000), extension, sha1(SEGMENT)) is None
    assert compare_content(pieces(stored, 7), extension, sha1(b"another")) == UNMATCHED


@pytest.mark.parametrize("extension", COMPRESS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_damage_of_a_segment_is_found(extension: str, data: st.DataObject) -> None:
    stored = COMPRESS[extension](SEGMENT)
    at = data.draw(st.integers(0, len(stored) - 1))
    damaged = data.draw(st.sampled_from((stored[:at], stored[:at] + bytes(64) + stored[at + 64 :])))
    found = compare_content(pieces(damaged, 1000), extension, sha1(SEGMENT))

    assert damaged == stored or found in (UNMATCHED, UNUSABLE) or content(extension, damaged) == SEGMENT


def content(extension: str, stored: bytes) -> bytes:
    """What a restore would get of damaged bytes that decompress all the same, such as those of a header's time."""
    if extension == "gz":
        return gzip.decompress(stored)
    return zstandard.ZstdDecompressor().decompress(stored) if extension == "zst" else b""
