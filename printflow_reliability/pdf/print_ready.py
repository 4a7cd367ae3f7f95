"""What is drawn on a page, as far as print is concerned: how dense its images are, and whether its fonts are there.

The page's own drawing is followed: an image has the resolution at which it is placed, and a font counts when text is
shown with it. A form is read once, however often it is drawn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import hypot
from typing import Any

import pikepdf
from pikepdf import Matrix, Name

from printflow_reliability.pdf.inspection import Problem
from printflow_reliability.pdf.names import text_of

POINTS_PER_INCH = 72
DEEPEST_FORM = 12
"""Forms within forms that are followed; a deeper nesting is an attack or an accident."""
SMALLEST_INCH = 0.1
"""An image drawn smaller than this is a dot or a line, whose resolution says nothing."""
FEWEST_PIXELS = 4
"""An image with fewer pixels on a side is a fill or a gradient, which is meant to be stretched."""
POSTER_INCHES = 1000 / 25.4
"""From a metre on, a page is looked at from afar: the larger it is, the fewer dots it needs."""
MOST_PLACEMENTS = 64
"""Places of one image that are told apart; beyond, only the largest counts."""
SHOW_TEXT = ("Tj", "TJ", "'", '"')
INVISIBLE = (3, 7)
"""Text rendering modes that show nothing: what OCR lays over a scan."""
FONT_FILES = (Name.FontFile, Name.FontFile2, Name.FontFile3)
SMALLEST_POINTS = 1
BOX_TOLERANCE = 0.01
"""Points by which boxes may miss each other through rounding."""


@dataclass(frozen=True)
class Placement:
    """One place of an image: its name, its pixels, and the matrix that maps the unit square to where it is drawn."""

    name: str
    width: int
    height: int
    matrix: Matrix


@dataclass
class Drawing:
    """What a content stream draws, in its own space: images, and fonts that text is shown with and are not embedded."""

    images: list[Placement] = field(default_factory=list)
    fonts: set[str] = field(default_factory=set)


def marks_on(page: pikepdf.Page, number: int, forms: "Forms", *, min_dpi: float, embedded: bool) -> Iterator[Problem]:
    """Problems of the images and fonts that a page uses, each once.

    Args:
        page: the page.
        number: its number, from 1.
        forms: what the forms of this document draw, as far as they were read.
        min_dpi: dots per inch that an image must have; 0 asks nothing.
        embedded: whether fonts must be in the file.

    Raises:
        pikepdf.PdfError: the page's content cannot be read.
    """
    unit = float(page.obj.get(Name.UserUnit, 1))
    drawing = forms.on_page(page)
    left, bottom, right, top = _box(page.mediabox)
    longest = max(right - left, top - bottom) * unit / POINTS_PER_INCH
    needed = min_dpi * min(1.0, POSTER_INCHES / longest) if longest else min_dpi
    for name, dpi in _resolutions(drawing, unit).items():
        if round(dpi) < round(needed):
            detail = f"an image on page {number} has {dpi:.0f} dpi, at least {needed:.0f} are needed"
            yield Problem("low_resolution", f"{detail} ({name})")
    if embedded:
        for font in sorted(drawing.fonts):
            yield Problem("font_not_embedded", f"the font {font} on page {number} is not embedded")


def boxes(page: pikepdf.Page, number: int, *, required: bool) -> Iterator[Problem]:
    """Problems of a page's size, and of its trim box: where the sheet is cut.

    Raises:
        TypeError, ValueError: a box is none.
    """
    media, crop = _box(page.mediabox), _box(page.cropbox)
    wide, high = (min(media[to], crop[to]) - max(media[at], crop[at]) for at, to in ((0, 2), (1, 3)))
    if min(wide, high) < SMALLEST_POINTS:
        yield Problem("no_area", f"page {number} has no area: nothing of it would be printed")
        return
    if Name.TrimBox not in page.obj:
        if required:
            yield Problem("trim_box_missing", f"page {number} has no trim box")
        return
    trim = _box(page.trimbox)
    low = all(trim[side] >= media[side] - BOX_TOLERANCE for side in (0, 1))
    high = all(trim[side] <= media[side] + BOX_TOLERANCE for side in (2, 3))
    if not (low and high) or trim[2] - trim[0] <= 0 or trim[3] - trim[1] <= 0:
        yield Problem("trim_box_outside", f"the trim box of page {number} does not lie within its media")


def _box(box: Any) -> tuple[float, float, float, float]:
    left, bottom, right, top = (float(side) for side in box)
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


class Forms:
    """What content streams draw; each form is read once for the whole document."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[int, int], int], Drawing] = {}
        self._pages = 0

    def on_page(self, page: pikepdf.Page) -> Drawing:
        """What a page draws.

        Raises:
            ValueError: forms are nested without end, or something is drawn that is not there.
        """
        self._pages += 1
        return self._follow(page.obj, page.obj.get(Name.Resources) or page.resources, 0)

    def _form(self, form: pikepdf.Object, inherited: Any, depth: int) -> Drawing:
        if depth > DEEPEST_FORM:
            raise ValueError(f"forms are nested deeper than {DEEPEST_FORM}")
        # One without resources of its own means those of the page that it is drawn on.
        own = form.get(Name.Resources)
        key = (form.objgen, 0 if own is not None else self._pages)
        if key not in self._known:
            self._known[key] = self._follow(form, own if own is not None else inherited, depth)
        return self._known[key]

    def _follow(self, content: pikepdf.Object, resources: Any, depth: int) -> Drawing:
        drawing = Drawing()
        stack: list[tuple[Matrix, Any, int]] = []
        ctm, font, mode = Matrix(), None, 0
        for instruction in pikepdf.parse_content_stream(content):
            operands, what = instruction.operands, str(instruction.operator)
            if what == "q":
                stack.append((ctm, font, mode))
            elif what == "Q" and stack:
                ctm, font, mode = stack.pop()
            elif what == "cm":
                ctm = Matrix(*(float(number) for number in operands)) @ ctm
            elif what == "Tf":
                font = _resource(resources, Name.Font, operands[0]) or operands[0]
            elif what == "Tr":
                mode = int(operands[0])
            elif what in SHOW_TEXT and font is not None and mode not in INVISIBLE:
                _write(drawing, font, depth)
            elif what == "Do":
                self._draw(drawing, resources, operands[0], ctm, depth)
            elif what == "INLINE IMAGE":
                inline = operands[0]
                _place(drawing, Placement("inline", int(inline.width), int(inline.height), ctm))
        return drawing

    def _draw(self, drawing: Drawing, resources: Any, name: Any, ctm: Matrix, depth: int) -> None:
        placed = _resource(resources, Name.XObject, name)
        if placed is None:
            raise ValueError(f"it draws {text_of(name)}, which is not there")
        if placed.get(Name.Subtype) == Name.Image:
            _place(drawing, Placement(text_of(name), int(placed.Width), int(placed.Height), ctm))
        elif placed.get(Name.Subtype) == Name.Form:
            matrix = Matrix(*(float(number) for number in placed.get(Name.Matrix, (1, 0, 0, 1, 0, 0)))) @ ctm
            form = self._form(placed, resources, depth + 1)
            drawing.fonts |= form.fonts
            for image in form.images:
                _place(drawing, Placement(image.name, image.width, image.height, image.matrix @ matrix))


def _write(drawing: Drawing, font: Any, depth: int) -> None:
    """Text is shown in a font, or in the name of a font that is not there.

    Raises:
        ValueError: the font is not there. In a form it may be the page's: some printers look there too.
    """
    if isinstance(font, pikepdf.Name):
        if depth == 0:
            raise ValueError(f"it writes in the font {text_of(font)}, which is not there")
    elif not _embedded(font):
        drawing.fonts.add(text_of(font.get(Name.BaseFont)) or "without a name")


def _place(drawing: Drawing, image: Placement) -> None:
    """Keep a place of an image; of very many only the largest are kept."""
    pixels = (image.name, image.width, image.height)
    same = [known for known in drawing.images if (known.name, known.width, known.height) == pixels]
    if any(known.matrix == image.matrix for known in same):
        return
    if len(same) >= MOST_PLACEMENTS:
        smallest = min(same, key=lambda known: sum(_inches(known.matrix)))
        if sum(_inches(image.matrix)) <= sum(_inches(smallest.matrix)):
            return
        drawing.images.remove(smallest)
    drawing.images.append(image)


def _resolutions(drawing: Drawing, unit: float) -> Mapping[str, float]:
    """The lowest effective resolution of each image: pixels over the inches on which they are drawn, the worse axis."""
    found: dict[str, float] = {}
    for image in drawing.images:
        wide, high = (inches * unit for inches in _inches(image.matrix))
        if max(wide, high) < SMALLEST_INCH or min(wide, high) == 0 or min(image.width, image.height) < FEWEST_PIXELS:
            continue
        dpi = min(image.width / wide, image.height / high)
        found[image.name] = min(dpi, found.get(image.name, dpi))
    return found


def _inches(matrix: Matrix) -> tuple[float, float]:
    return hypot(matrix.a, matrix.b) / POINTS_PER_INCH, hypot(matrix.c, matrix.d) / POINTS_PER_INCH


def _resource(resources: Any, category: Name, name: Any) -> Any:
    if resources is None or not isinstance(name, pikepdf.Object):
        return None
    return (resources.get(category) or {}).get(name)


def _embedded(font: Any) -> bool:
    """Whether a font's shapes are in the file; a Type 3 font is drawn by the file itself."""
    if font.get(Name.Subtype) == Name.Type3:
        return True
    descendants = font.get(Name.DescendantFonts)
    described = descendants[0] if descendants is not None and len(descendants) else font
    descriptor = described.get(Name.FontDescriptor)
    return descriptor is not None and any(file in descriptor for file in FONT_FILES)
