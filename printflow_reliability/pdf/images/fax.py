"""Fax images (CCITT Group 3 and 4): whether all rows are there.

No renderer refuses one that is cut: its other rows stay white. One that ends with its end-of-block code is whole. Any
other of Group 4 is decoded with different bytes behind its end: a decoder takes what is missing from whatever follows.
"""

import io
import struct
from collections.abc import Mapping
from typing import Any

from PIL import TiffImagePlugin

from printflow_reliability.pdf.flaw import Flaw

END_CODES = ((0b000000000001_000000000001, 24), (0b000000000001_1_000000000001, 25))
"""Two ends of a line, and their bits; in Group 3 a bit may stand between them, which says how the next is coded."""
TAIL_BYTES = 16
"""How far before the end the end-of-block code is looked for: bytes may follow it."""
FILLERS = (b"\x00", b"\xff", b"\x55")
FILLER_BYTES = 64
LONG = 4
WIDTH, LENGTH, BITS, COMPRESSION = 256, 257, 258, 259
PHOTOMETRIC, OFFSET, ROWS, BYTES = 262, 273, 278, 279
GROUP_4 = 4
"""Tags of TIFF, their type, and its number for the compression."""


def fax_flaw(packed: bytes, parameters: Mapping[str, Any], height: int) -> Flaw | None:
    """What is wrong with a fax image; None if all of its rows are there.

    Args:
        packed: its data.
        parameters: of the filter, without slashes.
        height: the rows that the image has.
    """
    if _ends(packed):
        return None
    if int(parameters.get("K", 0)) >= 0 or parameters.get("EncodedByteAlign", False):
        return Flaw("lacks its end-of-block code", lost=False) if parameters.get("EndOfBlock", True) else None
    columns = int(parameters.get("Columns", 1728))
    pixels = {_pixels(packed + filler * FILLER_BYTES, columns, height) for filler in FILLERS}
    return None if len(pixels) == 1 and None not in pixels else Flaw("is cut off, or damaged within")


def _ends(packed: bytes) -> bool:
    """Whether the end-of-block code stands at the end."""
    bits = int.from_bytes(packed[-TAIL_BYTES:], "big")
    return any(
        (bits >> shift) & ((1 << length) - 1) == code
        for code, length in END_CODES
        for shift in range(8 * TAIL_BYTES - length)
    )


def _pixels(data: bytes, columns: int, rows: int) -> bytes | None:
    """The pixels of Group 4 as a TIFF reader decodes them; None where it refuses."""
    entries = (
        *((WIDTH, columns), (LENGTH, rows), (BITS, 1), (COMPRESSION, GROUP_4)),
        *((PHOTOMETRIC, 0), (OFFSET, 0), (ROWS, rows), (BYTES, len(data))),
    )
    header = 8 + 2 + 12 * len(entries) + 4
    lines = (struct.pack("<HHII", tag, LONG, 1, header if tag == OFFSET else value) for tag, value in entries)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(lines) + bytes(4) + data
    try:
        with TiffImagePlugin.TiffImageFile(io.BytesIO(tiff)) as image:
            return image.tobytes()
    except (OSError, SyntaxError, ValueError):
        return None
