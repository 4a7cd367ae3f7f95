"""The streams that take part in printing: what pages lead to.

Attachments, metadata, thumbnails, and what an earlier revision of the file has left behind may be damaged without harm.
"""

from collections.abc import Iterator

import pikepdf

NOT_PRINTED = frozenset(
    (
        *("/Parent", "/Metadata", "/Thumb", "/PieceInfo", "/ToUnicode", "/AF", "/EF", "/FS", "/B", "/P", "/Popup"),
        *("/StructParent", "/StructParents", "/Dest", "/A", "/AA", "/Dests", "/Pg", "/IRT", "/OPI", "/Alternates"),
        *("/LastModified", "/OC"),
    )
)
"""Entries that lead away from what a page prints."""
FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")


def printed_streams(pdf: pikepdf.Pdf) -> Iterator[tuple[pikepdf.Stream, bool]]:
    """Every stream that a page leads to, each once, and whether it is the file of a font."""
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[pikepdf.Object, bool]] = [(page.obj, False) for page in pdf.pages]
    while waiting:
        found, is_font_file = waiting.pop()
        if found.is_indirect:
            if found.objgen in seen:
                continue
            seen.add(found.objgen)
        if isinstance(found, pikepdf.Stream):
            yield found, is_font_file
        if isinstance(found, pikepdf.Array):
            waiting += [(item, False) for item in found if _leads_on(item)]
        else:
            below = ((key, value) for key, value in found.items() if key not in NOT_PRINTED)
            waiting += [(value, key in FONT_FILES) for key, value in below if _leads_on(value)]


def _leads_on(value: object) -> bool:
    return isinstance(value, pikepdf.Array | pikepdf.Dictionary | pikepdf.Stream)
