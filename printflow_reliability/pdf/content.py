"""Content streams: whether what a page, form, pattern or glyph holds are instructions of a PDF at all.

No renderer refuses a content stream: it leaves out whatever it does not understand, and prints the rest. So a page
whose content is cut off, or was replaced by an error page, prints without a word, and without what it should show.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import pikepdf

from printflow_reliability.pdf.filters import unpacked
from printflow_reliability.pdf.framing import UNKNOWN_KIND, kind_of
from printflow_reliability.text import storable

OPERANDS: Mapping[bytes, int] = {
    **dict.fromkeys((b"q", b"Q", b"h", b"n", b"W", b"W*", b"S", b"s", b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"), 0),
    **dict.fromkeys((b"BT", b"ET", b"T*", b"EMC", b"BX", b"EX", b"sc", b"SC", b"scn", b"SCN"), 0),
    **dict.fromkeys((b"w", b"J", b"j", b"M", b"ri", b"i", b"gs", b"CS", b"cs", b"G", b"g", b"Do", b"sh"), 1),
    **dict.fromkeys((b"Tc", b"Tw", b"Tz", b"TL", b"Tr", b"Ts", b"Tj", b"TJ", b"'", b"BMC", b"MP", b"INLINE IMAGE"), 1),
    **dict.fromkeys((b"d", b"m", b"l", b"Td", b"TD", b"Tf", b"d0", b"BDC", b"DP"), 2),
    **dict.fromkeys((b"RG", b"rg", b'"'), 3),
    **dict.fromkeys((b"re", b"v", b"y", b"K", b"k"), 4),
    **dict.fromkeys((b"c", b"cm", b"Tm", b"d1"), 6),
}
"""The operators (ISO 32000-2, annex A), and how many operands each needs; colours have as many as their space."""
MALFORMED_NUMBER = re.compile(rb"[-+.\d][-+.\deE]*|[-+]?(?:nan|inf(?:inity)?)|[-+]?\d\.#\w+", re.IGNORECASE)
"""Numbers as some programs write them, and many renderers read them: 1e-5, --5, 0.00-35, 1.#QNAN."""
CUT = re.compile(r"EOF|parse error while reading object")
"""What qpdf says where content ends within a string, an array or an image."""
SHOWN = 24
KIND_BYTES = 1024


class ContentDamaged(ValueError):
    """A content stream holds what no printer understands: what it was to print is lost, in part or wholly."""


Operands = Sequence[Any]
Instruction = tuple[bytes, Operands]


@dataclass(frozen=True)
class Content:
    """The instructions of a content stream, and what a printer may trip over in them."""

    instructions: Sequence[Instruction]
    oddities: Sequence[str]


def read_content(pdf: pikepdf.Pdf, content: pikepdf.Object) -> Content:
    """Read a content stream of a document.

    Raises:
        ContentDamaged: it holds anything else than PDF's operators and their operands, or it is cut off.
        pikepdf.PdfError: it cannot be decoded.
    """
    before = pdf.get_warnings()  # asking for them drains them
    with warnings.catch_warnings(record=True) as trailing:
        warnings.simplefilter("always")
        found = pikepdf.parse_content_stream(content)
    said = pdf.get_warnings()
    malformed: set[str] = set()
    try:
        instructions = list(_understood(found, malformed))
    except ContentDamaged:
        kind = kind_of(unpacked(content)[:KIND_BYTES])
        if kind == UNKNOWN_KIND:
            raise
        raise ContentDamaged(f"its content is {kind}") from None
    if any(map(CUT.search, said)):
        raise ContentDamaged("its content is cut off")
    if trailing:
        malformed.add("content ends with operands of no instruction")
    return Content(instructions, [*before, *said, *sorted(malformed)])


def _understood(found: Sequence[Any], malformed: set[str]) -> Iterator[Instruction]:
    """The instructions by the names of their operators; what is unknown is skipped only where a file says so (BX, EX).

    Raises:
        ContentDamaged: an operator is unknown, or lacks operands.
    """
    compatible = 0
    pending: list[Any] = []
    for instruction in found:
        name = instruction.operator.unparse()
        operands = [*pending, *instruction.operands] if pending else instruction.operands
        pending = []
        needed = OPERANDS.get(name)
        if needed is None and MALFORMED_NUMBER.fullmatch(name):
            malformed.add(f"{storable(name)[:SHOWN]} is no number")
            pending = [*operands, _number(name)]
        elif needed is None:
            if not compatible:
                raise ContentDamaged(f'its content holds "{storable(name)[:SHOWN]}", which is no instruction')
        elif len(operands) < needed:
            raise ContentDamaged(f"its content lacks operands of {storable(name)}")
        else:
            compatible += (name == b"BX") - (name == b"EX")
            yield name, operands


def _number(malformed: bytes) -> float:
    try:
        number = float(malformed)
    except ValueError:
        return 0.0
    return number if isfinite(number) else 0.0
