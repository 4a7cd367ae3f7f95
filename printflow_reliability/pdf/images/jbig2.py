"""JBIG2: whether all segments are there, and all that they refer to (ITU-T T.88, chapter 7).

It is not decoded: the decoder would be a program of its own, which an inspection never runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from printflow_reliability.pdf.flaw import Flaw

REGIONS = frozenset((4, 6, 7, 20, 22, 23, 36, 38, 39, 40, 42, 43))
"""Types of segments that hold pixels."""
UNKNOWN_LENGTH = 0xFFFFFFFF
LONG_COUNT = 7
SMALLEST_HEADER = 11
"""Bytes; fewer behind the last segment are none."""


@dataclass(frozen=True)
class _Segment:
    number: int
    kind: int
    refers_to: tuple[int, ...]
    end: int


def jbig2_flaw(packed: bytes, shared: bytes) -> Flaw | None:
    """What is wrong with a JBIG2 image; None if all of it is there.

    Args:
        packed: its own segments, as they are embedded in a PDF.
        shared: the segments that it shares with other images (`JBIG2Globals`).
    """
    segments = [*_segments(shared), *_segments(packed)]
    own = [segment for segment in _segments(packed) if segment.end <= len(packed)]
    known = {segment.number for segment in segments}
    if any(segment.end > len(packed) for segment in _segments(packed)):
        return Flaw("is cut off")
    if not any(segment.kind in REGIONS for segment in own):
        return Flaw("has no pixels")
    if any(number not in known for segment in own for number in segment.refers_to):
        return Flaw("lacks segments that it refers to")
    return None


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments one after the other; the last may end behind the data."""
    at = 0
    while len(data) - at >= SMALLEST_HEADER:
        number, flags = int.from_bytes(data[at : at + 4], "big"), data[at + 4]
        count, at = data[at + 5] >> 5, at + 6
        if count == LONG_COUNT:
            count = int.from_bytes(data[at - 1 : at + 3], "big") & 0x1FFFFFFF
            at += 3 + ceil((count + 1) / 8)
        width = 1 if number <= 256 else 2 if number <= 65536 else 4
        if at + count * width > len(data):
            yield _Segment(number, flags & 63, (), len(data) + 1)
            return
        refers_to = tuple(int.from_bytes(data[at + i * width : at + (i + 1) * width], "big") for i in range(count))
        at += count * width + (4 if flags & 64 else 1)
        length = int.from_bytes(data[at : at + 4], "big")
        at = len(data) if length == UNKNOWN_LENGTH else at + 4 + length
        yield _Segment(number, flags & 63, refers_to, at)
