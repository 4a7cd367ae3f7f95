"""Font files: whether one is a font at all, and whether its glyphs are there.

A renderer takes another font for one that it cannot read, or leaves the text out, without a word.
"""

from collections.abc import Sequence
from itertools import pairwise

from printflow_reliability.pdf.flaw import Flaw

SFNT = (b"\x00\x01\x00\x00", b"true", b"OTTO", b"ttcf", b"typ1")
TYPE_1 = (b"%!", b"\x80\x01")
ENCRYPTED_PART = b"eexec"
COMPACT_MAJOR = 1
GLYPHS = (b"glyf", b"CFF ")
"""Tables that hold the glyphs; others may lie behind the end of a file without harm."""
TABLE_BYTES = 16
CHAR_STRINGS = 17
"""The operator of a Top DICT that says where the glyphs are (Adobe's technical note 5176)."""


def font_flaw(data: bytes) -> Flaw | None:
    """What is wrong with a font file; None if its glyphs are there."""
    if data.startswith(SFNT):
        return _sfnt_flaw(data)
    if data.startswith(TYPE_1):
        return None if ENCRYPTED_PART in data else Flaw("is cut off before its glyphs")
    if data[:1] == bytes((COMPACT_MAJOR,)):
        return _compact_flaw(data)
    return Flaw("is no font")


def _sfnt_flaw(data: bytes) -> Flaw | None:
    if data.startswith(b"ttcf"):
        return None
    tables = int.from_bytes(data[4:6], "big")
    for at in range(12, 12 + TABLE_BYTES * tables, TABLE_BYTES):
        entry = data[at : at + TABLE_BYTES]
        if len(entry) < TABLE_BYTES:
            return Flaw("is cut off in its directory")
        start, length = int.from_bytes(entry[8:12], "big"), int.from_bytes(entry[12:16], "big")
        if entry[:4] in GLYPHS and start + length > len(data):
            return Flaw("is cut off: glyphs are missing")
    return None


def _compact_flaw(data: bytes) -> Flaw | None:
    """What is wrong with a font in the Compact Font Format, of which only the way to the glyphs is read."""
    try:
        names, at = _index(data, data[2])
        dictionaries, _ = _index(data, at)
        start = _char_strings(dictionaries[0])
        glyphs = _index(data, start)[0] if start else []
    except (IndexError, ValueError):
        return Flaw("is cut off, or no font")
    return None if names and glyphs else Flaw("has no glyphs")


def _index(data: bytes, at: int) -> tuple[Sequence[bytes], int]:
    """The objects of an INDEX, and where it ends.

    Raises:
        IndexError: the data end before it does.
    """
    count = int.from_bytes(data[at : at + 2], "big")
    if not count:
        return [], at + 2
    width, first = data[at + 2], at + 3
    ends = [
        int.from_bytes(data[place : place + width], "big") for place in range(first, first + (count + 1) * width, width)
    ]
    base = first + (count + 1) * width - 1
    if base + ends[-1] > len(data):
        raise IndexError
    return [data[base + a : base + b] for a, b in pairwise(ends)], base + ends[-1]


def _char_strings(dictionary: bytes) -> int:
    """Where a Top DICT says that the glyphs are; 0 if it does not.

    Raises:
        IndexError: it ends within a number.
    """
    at, number = 0, 0
    while at < len(dictionary):
        byte = dictionary[at]
        if byte == CHAR_STRINGS:
            return number
        if byte == 29:
            number, at = int.from_bytes(dictionary[at + 1 : at + 5], "big", signed=True), at + 5
        elif byte == 28:
            number, at = int.from_bytes(dictionary[at + 1 : at + 3], "big", signed=True), at + 3
        elif byte == 30:
            at = _behind_real(dictionary, at + 1)
        elif 247 <= byte <= 254:
            number, at = (byte - 247) * 256 + dictionary[at + 1] + 108, at + 2
        elif 32 <= byte <= 246:
            number, at = byte - 139, at + 1
        else:
            at += 2 if byte == 12 else 1
    return 0


def _behind_real(dictionary: bytes, at: int) -> int:
    while 0xF not in (dictionary[at] >> 4, dictionary[at] & 0xF):
        at += 1
    return at + 1
