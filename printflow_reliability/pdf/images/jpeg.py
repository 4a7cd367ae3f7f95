"""JPEG: whether all pixels are there.

No decoder refuses a JPEG that is cut: it prints the rest grey, or a progressive one blurred. And every decoder prints
one that lacks nothing but its end marker. Both are told by the layout of the file (ITU-T T.81), and by decoding it
twice with different bytes behind its end: a decoder takes what is missing from whatever follows.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from PIL import JpegImagePlugin

from printflow_reliability.pdf.flaw import Flaw, undecodable

START, END_OF_IMAGE, START_OF_SCAN, RESTART_INTERVAL = b"\xff\xd8", 0xD9, 0xDA, 0xDD
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
ALONE = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))
"""Markers without a segment."""
MARKER = re.compile(rb"\xff+([^\xff])")
AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
COEFFICIENTS = 64
SMALLEST_SCALE = 8
"""libjpeg reads all of the data and skips most of the arithmetic at an eighth of the size."""
FILLERS = (b"\x00", b"\x55", b"\xaa", b"\xfe")
FILLER_BYTES = 64
"""Bits of different kinds, as many as a few blocks of pixels take."""
END = b"\xff\xd9"
UNUSED_BYTES = 1024
"""Fewer bytes behind the pixels are what cameras and scanners leave there."""


@dataclass(frozen=True)
class _Scan:
    components: tuple[int, ...]
    coefficients: range
    lowest_bit: int
    interval: int
    restarts: Sequence[int]


@dataclass
class _Layout:
    """Where a JPEG's parts are.

    Attributes:
        scans: of all pixels, one after the other.
        data_start: where the data of the last scan begin.
        data_end: where they end.
        ended: whether an end marker follows.
    """

    width: int = 0
    height: int = 0
    progressive: bool = False
    sampling: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    scans: list[_Scan] = field(default_factory=list)
    data_start: int = 0
    data_end: int = 0
    ended: bool = False


def jpeg_flaw(packed: bytes, components: int | None, width: int, height: int) -> Flaw | None:
    """What is wrong with a JPEG; None if all of its pixels are there.

    Args:
        packed: its data.
        components: how many values its pixels have by the colour space in the PDF; None if that is not known.
        width: its pixels in a row, by the PDF.
        height: its rows, by the PDF.
    """
    try:
        layout, decoder = _layout(packed), _Decoder()
        if not decoder.pixels(packed if layout.ended else packed[: layout.data_end] + END, SMALLEST_SCALE):
            return Flaw("has no pixels")
        if not all(_has_all_restarts(layout, scan) for scan in layout.scans) or not _has_all_scans(layout):
            return Flaw("lacks a part of its data")
        if components is not None and len(layout.sampling) != components:
            return Flaw(f"has {len(layout.sampling)} colours, and its colour space {components}")
        data = packed[: layout.data_end]
        if _needs_what_follows(data, layout, decoder) or _ends_early(data, layout, decoder):
            return Flaw("is cut off, or damaged within")
    except SyntaxError:
        return Flaw("is no JPEG")
    except Exception as error:
        return undecodable(error)
    if layout.width < width or 0 < layout.height < height:
        return Flaw(f"has {layout.width} x {layout.height} pixels, and should have {width} x {height}", lost=False)
    return None if layout.ended else Flaw("lacks its end marker", lost=False)


class _Decoder:
    """Decodes the same bytes once only; most of a healthy JPEG's decodings would be repeated."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], bytes] = {}

    def pixels(self, packed: bytes, scale: int) -> bytes:
        """A digest of the pixels, which may be large; nothing where there are none."""
        if (packed, scale) not in self._known:
            self._known[packed, scale] = _digest(_decoded(packed, scale))
        return self._known[packed, scale]


def _digest(pixels: bytes) -> bytes:
    return hashlib.sha256(pixels).digest() if pixels else b""


def _needs_what_follows(data: bytes, layout: _Layout, decoder: _Decoder) -> bool:
    """Whether the pixels depend on the bytes behind a JPEG's data, so that some of these are missing."""
    scale = SMALLEST_SCALE if layout.ended and not layout.progressive else 1
    fillers = FILLERS if not layout.ended else (b"".join(FILLERS),)
    pixels = {decoder.pixels(data.removesuffix(b"\xff") + filler * FILLER_BYTES + END, scale) for filler in fillers}
    if layout.ended:
        pixels.add(decoder.pixels(data + END, scale))
    return len(pixels) > 1


def _ends_early(data: bytes, layout: _Layout, decoder: _Decoder) -> bool:
    """Whether the pixels are complete long before the data are, as where a block was written twice."""
    if len(data) - layout.data_start < 2 * UNUSED_BYTES:
        return False
    scale = 1 if layout.progressive else SMALLEST_SCALE
    filler = b"".join(FILLERS) * (UNUSED_BYTES // len(FILLERS))
    return decoder.pixels(data + END, scale) == decoder.pixels(data[:-UNUSED_BYTES] + filler + END, scale)


def _decoded(packed: bytes, scale: int) -> bytes:
    with JpegImagePlugin.JpegImageFile(io.BytesIO(packed)) as image:
        image.draft(image.mode, (max(image.width // scale, 1), max(image.height // scale, 1)))
        return image.tobytes()


def _has_all_scans(layout: _Layout) -> bool:
    """Whether every component was sent, and of a progressive JPEG every bit of each of its coefficients."""
    for component in layout.sampling:
        of_this = [scan for scan in layout.scans if component in scan.components]
        if not layout.progressive:
            if not of_this:
                return False
            continue
        exact = {place for scan in of_this if scan.lowest_bit == 0 for place in scan.coefficients}
        if len(exact) < COEFFICIENTS:
            return False
    return True


def _has_all_restarts(layout: _Layout, scan: _Scan) -> bool:
    """Whether a scan has a restart marker after each interval but the last; they count from 0 to 7 in turn."""
    if not scan.interval or not layout.height:
        return True
    across = max(horizontal for horizontal, _ in layout.sampling.values())
    down = max(vertical for _, vertical in layout.sampling.values())
    if len(scan.components) > 1:
        blocks = ceil(layout.width / (8 * across)) * ceil(layout.height / (8 * down))
    else:
        horizontal, vertical = layout.sampling[scan.components[0]]
        wide, high = ceil(layout.width * horizontal / across), ceil(layout.height * vertical / down)
        blocks = ceil(wide / 8) * ceil(high / 8)
    in_order = all(marker == place & 7 for place, marker in enumerate(scan.restarts))
    return in_order and len(scan.restarts) >= ceil(blocks / scan.interval) - 1


def _layout(packed: bytes) -> _Layout:
    """Read the markers of a JPEG.

    Raises:
        SyntaxError: it is none.
    """
    if not packed.startswith(START):
        raise SyntaxError
    layout, interval = _Layout(), 0
    for marker, segment, at in _segments(packed):
        if marker in FRAMES:
            layout.progressive = marker in PROGRESSIVE
            layout.height, layout.width = (int.from_bytes(segment[place : place + 2], "big") for place in (1, 3))
            parts = (segment[place : place + 3] for place in range(6, 6 + 3 * segment[5], 3))
            layout.sampling = {part[0]: (part[1] >> 4, part[1] & 15) for part in parts}
        elif marker == RESTART_INTERVAL:
            interval = int.from_bytes(segment[:2], "big")
        elif marker == START_OF_SCAN:
            following = AFTER_SCAN.search(packed, at)
            layout.data_start = at
            layout.data_end = following.start() if following else len(packed)
            restarts = RESTART.findall(packed, at, layout.data_end) if interval else []
            layout.scans.append(_scan(segment, interval, [marker[1] & 7 for marker in restarts]))
        elif marker == END_OF_IMAGE:
            layout.ended = True
    if not layout.scans:
        raise SyntaxError
    return layout


def _scan(segment: bytes, interval: int, restarts: Sequence[int]) -> _Scan:
    count = segment[0]
    first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
    components: Sequence[int] = segment[1 : 1 + 2 * count : 2]
    return _Scan(tuple(components), range(first, last + 1), bits & 15, interval, restarts)


def _segments(packed: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Each marker up to the end of the image, its segment, and where that ends; the data of scans are skipped."""
    at = len(START)
    while found := MARKER.search(packed, at):
        marker, at = found[1][0], found.end()
        if marker == END_OF_IMAGE:
            yield marker, b"", at
            return
        if marker in ALONE:
            continue
        length = int.from_bytes(packed[at : at + 2], "big")
        segment = packed[at + 2 : at + length]
        if len(segment) < length - 2 or length < 2:
            return
        at += length
        yield marker, segment, at
