"""JPEG 2000: whether all of its tiles are there (ITU-T T.800, annex A)."""

import io
from collections.abc import Iterator
from math import ceil

from PIL import Jpeg2KImagePlugin

from printflow_reliability.pdf.flaw import Flaw, undecodable

SIGNATURE = b"\x00\x00\x00\x0cjP  "
CODESTREAM_BOX = b"jp2c"
START_OF_CODESTREAM, SIZE, START_OF_TILE_PART, END_OF_CODESTREAM = b"\xff\x4f", b"\xff\x51", b"\xff\x90", b"\xff\xd9"
TILE_PART_HEADER_BYTES = 12
MOST_PIXELS = 50_000_000
"""More are judged by their layout alone: to decode a poster takes more time and memory than an inspection may."""


class _Cut(Exception):
    """The data end within a part."""


def jpeg_2000_flaw(packed: bytes) -> Flaw | None:
    """What is wrong with a JPEG 2000; None if all of its pixels are there."""
    try:
        codestream = _codestream(packed)
        parts = list(_tile_parts(codestream))
        end = parts[-1][1]
        ended = codestream[end : end + 2] == END_OF_CODESTREAM
        with Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(packed if ended else packed + END_OF_CODESTREAM)) as image:
            if image.width * image.height <= MOST_PIXELS:
                image.load()
    except _Cut:
        return Flaw("is cut off")
    except SyntaxError:
        return Flaw("is no JPEG 2000")
    except Exception as error:
        return undecodable(error)
    if len({tile for tile, _ in parts}) < _tiles(codestream):
        return Flaw("lacks tiles")
    return None if ended else Flaw("lacks its end marker", lost=False)


def _codestream(packed: bytes) -> bytes:
    """The codestream, out of the boxes around it.

    Raises:
        SyntaxError: there is none.
    """
    at = 0
    while packed.startswith(SIGNATURE) and at + 8 <= len(packed):
        length, kind, header = int.from_bytes(packed[at : at + 4], "big"), packed[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(packed[at + 8 : at + 16], "big"), 16
        if kind == CODESTREAM_BOX:
            return packed[at + header :]
        if length < header:
            break
        at += length
    if packed.startswith(START_OF_CODESTREAM):
        return packed
    raise _Cut if packed.startswith(SIGNATURE) else SyntaxError


def _tile_parts(codestream: bytes) -> Iterator[tuple[int, int]]:
    """Each part of a tile: the tile's number, and where the part ends.

    Raises:
        _Cut: the data end before it does.
    """
    at = len(START_OF_CODESTREAM)
    while codestream[at : at + 2] != START_OF_TILE_PART:
        if at + 4 > len(codestream):
            raise _Cut
        at += 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
    while codestream[at : at + 2] == START_OF_TILE_PART:
        header = codestream[at : at + TILE_PART_HEADER_BYTES]
        tile, length = int.from_bytes(header[4:6], "big"), int.from_bytes(header[6:10], "big")
        end = at + length if length else len(codestream.removesuffix(END_OF_CODESTREAM))
        if end > len(codestream) or len(header) < TILE_PART_HEADER_BYTES or length in range(1, len(header)):
            raise _Cut
        yield tile, end
        at = end


def _tiles(codestream: bytes) -> int:
    """How many tiles there should be; the size comes first in a codestream."""
    size = codestream[len(START_OF_CODESTREAM) :]
    if not size.startswith(SIZE):
        return 1
    right, bottom, _, _, wide, high, left, top = (
        int.from_bytes(size[place : place + 4], "big") for place in range(6, 38, 4)
    )
    return ceil((right - left) / wide) * ceil((bottom - top) / high)
