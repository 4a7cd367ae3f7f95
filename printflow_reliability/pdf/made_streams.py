"""Streams that are made of a page's content, so that it is read as any other: its parts as one, an inline image.

One stream of each kind is made for a document and written anew each time.
"""

from typing import Any

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.content import ContentDamaged
from printflow_reliability.pdf.filters import unpacked
from printflow_reliability.pdf.reachable import Role
from printflow_reliability.pdf.resources import Resources
from printflow_reliability.pdf.streams import stream_flaw


class MadeStreams:
    """Those of one document."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self._pdf = pdf
        self._inline: pikepdf.Stream | None = None
        self._joined: pikepdf.Stream | None = None

    def joined(self, parts: pikepdf.Array) -> pikepdf.Stream:
        """The parts of a page's content as one stream, which they are.

        Raises:
            ContentDamaged: a part is not there.
        """
        if self._joined is None:
            self._joined = self._pdf.make_stream(b"")
        if not all(isinstance(part, pikepdf.Stream) for part in parts):
            raise ContentDamaged("a part of its content is not there")
        self._joined.write(b"\n".join(unpacked(part) for part in parts))
        return self._joined

    def require_whole(self, inline: Any, resources: Resources) -> None:
        """An image within the content is judged as any other.

        Raises:
            ContentDamaged: it is damaged.
        """
        if self._inline is None:
            self._inline = self._pdf.make_stream(b"")
        entries = pikepdf.Dictionary(inline.obj)
        data = inline.read_raw_bytes()
        # One character of white space comes before the data; some programs write a line's end of two.
        self._inline.write(data.removeprefix(b"\n") if Name.Filter in entries else data)
        named = resources.find(Name.ColorSpace, entries.get(Name.ColorSpace))
        if named is not None:
            entries.ColorSpace = named
        self._inline.stream_dict = entries
        flaw = stream_flaw(self._pdf, self._inline, Role.IMAGE)
        if flaw is not None and flaw.lost:
            raise ContentDamaged(f"an image in its content {flaw.text}")
