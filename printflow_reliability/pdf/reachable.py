"""The streams that take part in printing: what pages lead to.

Attachments, metadata, thumbnails, and what an earlier revision of the file has left behind may be damaged without harm.
"""

from collections.abc import Iterator
from enum import StrEnum

import pikepdf
from pikepdf import Name

NOT_PRINTED = frozenset(
    (
        *("/Parent", "/Metadata", "/Thumb", "/PieceInfo", "/ToUnicode", "/AF", "/EF", "/FS", "/B", "/P", "/Popup"),
        *("/StructParent", "/StructParents", "/Dest", "/A", "/AA", "/Dests", "/Pg", "/IRT", "/OPI", "/Alternates"),
        *("/LastModified", "/OC"),
    )
)
"""Entries that lead away from what a page prints."""
FONT_FILES = ("/FontFile", "/FontFile2", "/FontFile3")
CMAP = "/Encoding"
DEEPEST_TREE = 100
"""Levels of a page tree that are followed; a deeper one is an attack or an accident."""


class Role(StrEnum):
    """What a stream is for, by the name that a person reads."""

    IMAGE = "image"
    FONT_FILE = "font file"
    CMAP = "CMap"
    FUNCTION = "function"
    OTHER = "stream"


def inherited(page: pikepdf.Page, key: Name) -> pikepdf.Object | None:
    """An entry of a page, or of the nodes of the page tree above it; None where none has it."""
    node: pikepdf.Object | None = page.obj
    for _ in range(DEEPEST_TREE):
        if not isinstance(node, pikepdf.Dictionary):
            break
        if key in node:
            return node[key]
        node = node.get(Name.Parent)
    return None


def printed_streams(pdf: pikepdf.Pdf) -> Iterator[tuple[pikepdf.Stream, Role]]:
    """Every stream that a page leads to, each once, and what it is for."""
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[pikepdf.Object, str]] = []
    for page in pdf.pages:
        resources = inherited(page, Name.Resources)
        waiting += [(page.obj, "")] if resources is None else [(page.obj, ""), (resources, "")]
    while waiting:
        found, key = waiting.pop()
        if found.is_indirect:
            if found.objgen in seen:
                continue
            seen.add(found.objgen)
        if isinstance(found, pikepdf.Stream):
            yield found, _role(found, key)
        if isinstance(found, pikepdf.Array):
            waiting += [(item, key) for item in found if _is_container(item)]
        else:
            below = ((name, value) for name, value in found.items() if name not in NOT_PRINTED)
            waiting += [(value, name) for name, value in below if _is_container(value)]


def _role(stream: pikepdf.Stream, key: str) -> Role:
    if stream.get(Name.Subtype) == Name.Image:
        return Role.IMAGE
    if Name.FunctionType in stream:
        return Role.FUNCTION
    if key == CMAP:
        return Role.CMAP
    return Role.FONT_FILE if key in FONT_FILES else Role.OTHER


def _is_container(value: object) -> bool:
    return isinstance(value, pikepdf.Array | pikepdf.Dictionary | pikepdf.Stream)
