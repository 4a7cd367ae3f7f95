"""What content streams draw: images where they are placed, and fonts when text is shown with them.

A page's own drawing is followed, into its forms, patterns, glyphs, soft masks and annotations. A form is read once,
however often it is drawn.
"""

from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Matrix, Name

from printflow_reliability.pdf.content import Operands, read_content
from printflow_reliability.pdf.graphics_state import GraphicsState, StateStack
from printflow_reliability.pdf.made_streams import MadeStreams
from printflow_reliability.pdf.names import text_of
from printflow_reliability.pdf.placement import Drawing, Placement
from printflow_reliability.pdf.reachable import inherited
from printflow_reliability.pdf.resources import MissingResource, Resources, entry

DEEPEST_FORM = 12
"""Forms within forms that are followed; a deeper nesting is an attack or an accident."""
PAINT = frozenset((b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"S", b"s", b"sh", b"Do", b"INLINE IMAGE"))
SHOW_TEXT = frozenset((b"Tj", b"TJ", b"'", b'"'))
PRINTED, HIDDEN = 4, 2
"""Flags of annotations."""
INVISIBLE = (3, 7)
"""Text rendering modes that show nothing: what OCR lays over a scan."""
POSTSCRIPT = Name.PS
"""A form that only PostScript printers know."""
COLOUR_SPACES = (b"cs", b"CS")
DEVICE_SPACES = ("DeviceGray", "DeviceRGB", "DeviceCMYK", "Pattern")
PATTERN_COLOURS = (b"scn", b"SCN")
FONT_FILES = (Name.FontFile, Name.FontFile2, Name.FontFile3)


class Drawings:
    """What the content streams of a document draw; each form is read once.

    Attributes:
        oddities: what a printer may trip over in what was read so far.
    """

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self.oddities: list[str] = []
        self._pdf = pdf
        self._made = MadeStreams(pdf)
        self._known: dict[tuple[tuple[int, int], int], Drawing] = {}
        self._fonts: set[tuple[int, int]] = set()
        self._following: set[tuple[int, int]] = set()
        self._pages = 0

    def of_page(self, page: pikepdf.Page) -> Drawing:
        """What a page draws.

        Raises:
            ValueError: its content is damaged, forms are nested without end, or something is drawn that is not there.
            pikepdf.PdfError: its content cannot be decoded.
        """
        self._pages += 1
        contents, own = page.obj.get(Name.Contents), inherited(page, Name.Resources)
        resources = Resources(own, own)
        if isinstance(contents, pikepdf.Array):
            contents = self._made.joined(contents)
        drawing = Drawing() if contents is None else self._follow(contents, resources, 0)
        for appearance in _printed_appearances(page):
            self._form(appearance, resources, 1)
            drawing.paints = True
        return drawing

    def _form(self, form: pikepdf.Stream, above: Resources, depth: int) -> Drawing:
        """What a form draws; so do patterns, glyphs, soft masks and the appearances of annotations."""
        if depth > DEEPEST_FORM or form.objgen in self._following:
            raise ValueError(f"forms are nested without end, or deeper than {DEEPEST_FORM}")
        # One without resources of its own means those of the page that it is drawn on.
        own = form.get(Name.Resources)
        key = (form.objgen, 0 if own is not None else self._pages)
        if key not in self._known:
            self._following.add(form.objgen)
            self._known[key] = self._follow(form, above if own is None else Resources(own, above.page), depth)
            self._following.remove(form.objgen)
        return self._known[key]

    def _follow(self, content: pikepdf.Object, resources: Resources, depth: int) -> Drawing:
        drawing = Drawing()
        state = StateStack()
        read = read_content(self._pdf, content)
        self.oddities += read.oddities
        for what, operands in read.instructions:
            if state.follow(what, operands, resources):
                continue
            try:
                self._carry_out(drawing, state.now, resources, what, operands, depth)
            except MissingResource as lacking:
                # Many printers take another font, or leave out a colour; but what a page itself names is meant.
                if depth == 0 or what == b"Do":
                    raise
                self.oddities.append(str(lacking))
        return drawing

    def _carry_out(
        self, drawing: Drawing, state: GraphicsState, resources: Resources, what: bytes, operands: Operands, depth: int
    ) -> None:
        """Follow one instruction that paints, or sets what others paint with.

        Raises:
            Lacking: it names what is not there.
        """
        drawing.paints = drawing.paints or what in PAINT or what in SHOW_TEXT
        if what in SHOW_TEXT:
            self._write(drawing, state, resources, depth)
        elif what == b"Do":
            self._draw(drawing, resources, operands[-1], state.ctm, depth)
        elif what == b"INLINE IMAGE":
            inline = operands[0]
            self._made.require_whole(inline, resources)
            drawing.place(Placement("inline", int(inline.width), int(inline.height), state.ctm))
        elif what == b"sh":
            _must_shade(resources.named(Name.Shading, operands[-1]))
        elif what not in PAINT:
            self._set(resources, what, operands, depth)

    def _set(self, resources: Resources, what: bytes, operands: Operands, depth: int) -> None:
        """What is set for later instructions must be there; a pattern or a soft mask is a drawing of its own."""
        if what == b"gs":
            mask = entry(resources.named(Name.ExtGState, operands[-1]), Name.SMask)
            group = entry(mask, Name.G)
            if isinstance(group, pikepdf.Stream):
                self._form(group, resources, depth + 1)
        elif what in COLOUR_SPACES and text_of(operands[-1]) not in DEVICE_SPACES:
            resources.named(Name.ColorSpace, operands[-1])
        elif what in PATTERN_COLOURS and operands and isinstance(operands[-1], pikepdf.Name):
            pattern = resources.named(Name.Pattern, operands[-1])
            if isinstance(pattern, pikepdf.Stream):
                self._form(pattern, resources, depth + 1)

    def _write(self, drawing: Drawing, state: GraphicsState, resources: Resources, depth: int) -> None:
        """Text is shown in a font, or in the name of a font that is not there.

        Raises:
            Lacking: the font is not there.
        """
        font = state.font
        if font is None or state.mode in INVISIBLE:
            return
        if isinstance(font, pikepdf.Name):
            raise MissingResource(f"it writes in the font {text_of(font)}, which is not there")
        if font.get(Name.Subtype) == Name.Type0 and not len(font.get(Name.DescendantFonts) or ()):
            raise ValueError(f"its font {text_of(font.get(Name.BaseFont))} has no glyphs")
        if font.get(Name.Subtype) == Name.Type3:
            self._read_glyphs(font, resources, depth)
        elif not _embedded(font):
            drawing.fonts.add(text_of(font.get(Name.BaseFont)) or "without a name")
        state.font = None

    def _read_glyphs(self, font: Any, resources: Resources, depth: int) -> None:
        """All glyphs of a font that the file itself draws; a glyph may show others of the same font."""
        if font.objgen in self._fonts:
            return
        if font.is_indirect:
            self._fonts.add(font.objgen)
        own = Resources(font.get(Name.Resources), resources.page)
        for glyph in (entry(font, Name.CharProcs) or {}).values():
            if isinstance(glyph, pikepdf.Stream) and glyph.objgen not in self._following:
                self._form(glyph, own, depth + 1)

    def _draw(self, drawing: Drawing, resources: Resources, name: Any, ctm: Matrix, depth: int) -> None:
        placed = resources.named(Name.XObject, name)
        if placed.get(Name.Subtype) == Name.Image:
            drawing.place(Placement(text_of(name), int(placed.Width), int(placed.Height), ctm))
        elif placed.get(Name.Subtype) == Name.Form:
            matrix = Matrix(*(float(number) for number in placed.get(Name.Matrix, (1, 0, 0, 1, 0, 0)))) @ ctm
            drawing.add_form(self._form(placed, resources, depth + 1), matrix)
        elif placed.get(Name.Subtype) != POSTSCRIPT:
            raise ValueError(f"it draws {text_of(name)}, which is neither an image nor a form")


def _must_shade(shading: Any) -> None:
    """A shading has a function of its colours, or a mesh of them.

    Raises:
        ValueError: it has neither.
    """
    mesh = isinstance(shading, pikepdf.Stream)
    if not (shading.read_raw_bytes() if mesh else Name.Function in shading):
        raise ValueError("it uses a shading without colours")


def _printed_appearances(page: pikepdf.Page) -> Iterator[pikepdf.Stream]:
    """How the annotations of a page that are printed look, in their present state."""
    for annotation in page.obj.get(Name.Annots) or ():
        if not isinstance(annotation, pikepdf.Dictionary):
            continue
        flags = int(annotation.get(Name.F, 0))
        appearance = entry(entry(annotation, Name.AP), Name.N)
        if isinstance(appearance, pikepdf.Dictionary) and not isinstance(appearance, pikepdf.Stream):
            appearance = entry(appearance, annotation.get(Name.AS, Name.Off))
        if isinstance(appearance, pikepdf.Stream) and flags & PRINTED and not flags & HIDDEN:
            yield appearance


def _embedded(font: Any) -> bool:
    """Whether a font's shapes are in the file."""
    descendants = font.get(Name.DescendantFonts)
    described = descendants[0] if descendants is not None and len(descendants) else font
    descriptor = described.get(Name.FontDescriptor)
    return descriptor is not None and any(file in descriptor for file in FONT_FILES)
