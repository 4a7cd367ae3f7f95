"""What content streams draw: images where they are placed, and fonts when text is shown with them.

A page's own drawing is followed, into its forms, patterns, glyphs, soft masks and annotations. A form is read once,
however often it is drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import hypot
from typing import Any

import pikepdf
from pikepdf import Matrix, Name

from printflow_reliability.pdf.content import ContentDamaged, Operands, read_content
from printflow_reliability.pdf.filters import unpacked
from printflow_reliability.pdf.names import text_of
from printflow_reliability.pdf.reachable import Role, inherited
from printflow_reliability.pdf.resources import Lacking, Resources, entry
from printflow_reliability.pdf.streams import stream_flaw

POINTS_PER_INCH = 72
DEEPEST_FORM = 12
"""Forms within forms that are followed; a deeper nesting is an attack or an accident."""
MOST_PLACEMENTS = 64
"""Places of one image that are told apart; beyond, only the largest counts."""
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


@dataclass(frozen=True)
class Placement:
    """One place of an image: its name, its pixels, and the matrix that maps the unit square to where it is drawn."""

    name: str
    width: int
    height: int
    matrix: Matrix

    @property
    def inches(self) -> tuple[float, float]:
        """How wide and high the image is drawn, at the scale of one point per unit."""
        matrix = self.matrix
        return hypot(matrix.a, matrix.b) / POINTS_PER_INCH, hypot(matrix.c, matrix.d) / POINTS_PER_INCH


@dataclass
class Drawing:
    """What a content stream draws, in its own space.

    Attributes:
        images: where they are placed.
        fonts: those that text is shown with and that are not embedded.
        paints: whether it puts anything on the page at all.
    """

    images: list[Placement] = field(default_factory=list)
    fonts: set[str] = field(default_factory=set)
    paints: bool = False


@dataclass
class _State:
    """The part of the graphics state that is followed; `font` is None where none is set, or once it was looked at."""

    ctm: Matrix
    font: Any = None
    mode: int = 0


class Drawings:
    """What the content streams of a document draw; each form is read once.

    Attributes:
        oddities: what a printer may trip over in what was read so far.
    """

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self.oddities: list[str] = []
        self._pdf = pdf
        self._inline: pikepdf.Stream | None = None
        self._joined: pikepdf.Stream | None = None
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
            contents = self._as_one(contents)
        drawing = Drawing() if contents is None else self._follow(contents, resources, 0)
        for appearance in _printed_appearances(page):
            self._form(appearance, resources, 1)
            drawing.paints = True
        return drawing

    def _as_one(self, parts: pikepdf.Array) -> pikepdf.Stream:
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
        stack: list[_State] = []
        state = _State(Matrix())
        read = read_content(self._pdf, content)
        self.oddities += read.oddities
        for what, operands in read.instructions:
            if what == b"q":
                stack.append(replace(state))
            elif what == b"Q" and stack:
                state = stack.pop()
            elif what == b"cm":
                state.ctm = Matrix(*(float(number) for number in operands[-6:])) @ state.ctm
            elif what == b"Tf":
                state.font = resources.find(Name.Font, operands[-2]) or operands[-2]
            elif what == b"Tr":
                state.mode = int(operands[-1])
            else:
                try:
                    self._carry_out(drawing, state, resources, what, operands, depth)
                except Lacking as lacking:
                    # Many printers take another font, or leave out a colour; but what a page itself names is meant.
                    if depth == 0 or what == b"Do":
                        raise
                    self.oddities.append(str(lacking))
        return drawing

    def _carry_out(
        self, drawing: Drawing, state: _State, resources: Resources, what: bytes, operands: Operands, depth: int
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
            self._inline_image_is_whole(inline, resources)
            _place(drawing, Placement("inline", int(inline.width), int(inline.height), state.ctm))
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

    def _write(self, drawing: Drawing, state: _State, resources: Resources, depth: int) -> None:
        """Text is shown in a font, or in the name of a font that is not there.

        Raises:
            Lacking: the font is not there.
        """
        font = state.font
        if font is None or state.mode in INVISIBLE:
            return
        if isinstance(font, pikepdf.Name):
            raise Lacking(f"it writes in the font {text_of(font)}, which is not there")
        if font.get(Name.Subtype) == Name.Type0 and not len(font.get(Name.DescendantFonts) or ()):
            raise ValueError(f"its font {text_of(font.get(Name.BaseFont))} has no glyphs")
        if font.get(Name.Subtype) == Name.Type3:
            self._read_glyphs(font, resources, depth)
        elif not _embedded(font):
            drawing.fonts.add(text_of(font.get(Name.BaseFont)) or "without a name")
        state.font = None

    def _inline_image_is_whole(self, inline: Any, resources: Resources) -> None:
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
            _place(drawing, Placement(text_of(name), int(placed.Width), int(placed.Height), ctm))
        elif placed.get(Name.Subtype) == Name.Form:
            matrix = Matrix(*(float(number) for number in placed.get(Name.Matrix, (1, 0, 0, 1, 0, 0)))) @ ctm
            form = self._form(placed, resources, depth + 1)
            drawing.fonts |= form.fonts
            for image in form.images:
                _place(drawing, Placement(image.name, image.width, image.height, image.matrix @ matrix))
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


def _place(drawing: Drawing, image: Placement) -> None:
    """Keep a place of an image; of very many only the largest are kept."""
    pixels = (image.name, image.width, image.height)
    same = [known for known in drawing.images if (known.name, known.width, known.height) == pixels]
    if any(known.matrix == image.matrix for known in same):
        return
    if len(same) >= MOST_PLACEMENTS:
        smallest = min(same, key=lambda known: sum(known.inches))
        if sum(image.inches) <= sum(smallest.inches):
            return
        drawing.images.remove(smallest)
    drawing.images.append(image)


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
