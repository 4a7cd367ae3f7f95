"""What is drawn on a page, as far as print is concerned: how dense its images are, and whether its fonts are there.

The page's own drawing is followed: an image has the resolution at which it is placed, and a font counts when text is
shown with it.
"""

from collections.abc import Iterator
from math import hypot
from typing import Any

import pikepdf
from pikepdf import Matrix, Name

from printflow_reliability.pdf.inspection import Problem

POINTS_PER_INCH = 72
DEEPEST_FORM = 12
"""Forms within forms that are followed; a deeper nesting is an attack or an accident."""
SMALLEST_INCH = 0.1
"""An image drawn smaller than this is a dot or a line, whose resolution says nothing."""
SHOW_TEXT = ("Tj", "TJ", "'", '"')
FONT_FILES = (Name.FontFile, Name.FontFile2, Name.FontFile3)
BOX_TOLERANCE = 0.01
"""Points by which boxes may miss each other through rounding."""


def marks_on(page: pikepdf.Page, number: int, *, min_dpi: float, embedded: bool) -> Iterator[Problem]:
    """Problems of the images and fonts that a page uses, each once.

    Raises:
        pikepdf.PdfError: the page's content cannot be read.
    """
    unit = float(page.obj.get(Name.UserUnit, 1))
    images: dict[str, float] = {}
    fonts: set[str] = set()
    _follow(page.obj, page.resources, Matrix().scaled(unit, unit), images, fonts, 0)
    for name, dpi in images.items():
        if dpi < min_dpi:
            detail = f"an image on page {number} has {dpi:.0f} dpi, {min_dpi:.0f} are needed"
            yield Problem("low_resolution", f"{detail} ({name})")
    if embedded:
        for font in sorted(fonts):
            yield Problem("font_not_embedded", f"the font {font} on page {number} is not embedded")


def boxes(page: pikepdf.Page, number: int, *, required: bool) -> Iterator[Problem]:
    """Problems of a page's trim box: where the sheet is cut."""
    if Name.TrimBox not in page.obj:
        if required:
            yield Problem("trim_box_missing", f"page {number} has no trim box")
        return
    trim, media = _box(page.trimbox), _box(page.mediabox)
    low = all(trim[side] >= media[side] - BOX_TOLERANCE for side in (0, 1))
    high = all(trim[side] <= media[side] + BOX_TOLERANCE for side in (2, 3))
    if not (low and high) or trim[2] - trim[0] <= 0 or trim[3] - trim[1] <= 0:
        yield Problem("trim_box_outside", f"the trim box of page {number} does not lie within its media")


def _box(box: Any) -> tuple[float, float, float, float]:
    left, bottom, right, top = (float(side) for side in box)
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _follow(
    content: pikepdf.Object, resources: Any, ctm: Matrix, images: dict[str, float], fonts: set[str], depth: int
) -> None:
    """Follow a content stream; collect the lowest resolution of each image and the fonts that are not embedded."""
    if depth > DEEPEST_FORM:
        raise ValueError(f"forms are nested deeper than {DEEPEST_FORM}")
    stack: list[tuple[Matrix, Any]] = []
    font: Any = None
    for instruction in pikepdf.parse_content_stream(content):
        operands, what = instruction.operands, str(instruction.operator)
        if what == "q":
            stack.append((ctm, font))
        elif what == "Q" and stack:
            ctm, font = stack.pop()
        elif what == "cm":
            ctm = Matrix(*(float(one) for one in operands)) @ ctm
        elif what == "Tf":
            font = _resource(resources, Name.Font, operands[0])
        elif what in SHOW_TEXT and font is not None and not _embedded(font):
            fonts.add(str(font.get(Name.BaseFont, "without a name")).lstrip("/"))
        elif what == "Do":
            placed = _resource(resources, Name.XObject, operands[0])
            if placed is None:
                raise ValueError(f"it draws {operands[0]}, which is not there")
            if placed.get(Name.Subtype) == Name.Image:
                _note(images, str(operands[0]), int(placed.Width), int(placed.Height), ctm)
            elif placed.get(Name.Subtype) == Name.Form:
                matrix = Matrix(*(float(one) for one in placed.get(Name.Matrix, (1, 0, 0, 1, 0, 0))))
                _follow(placed, placed.get(Name.Resources, resources), matrix @ ctm, images, fonts, depth + 1)
        elif what == "INLINE IMAGE":
            inline = operands[0]
            _note(images, "inline", int(inline.width), int(inline.height), ctm)


def _note(images: dict[str, float], name: str, width: int, height: int, ctm: Matrix) -> None:
    """Keep an image's effective resolution: the pixels over the inches on which they are drawn, the worse axis."""
    wide, high = hypot(ctm.a, ctm.b) / POINTS_PER_INCH, hypot(ctm.c, ctm.d) / POINTS_PER_INCH
    if max(wide, high) < SMALLEST_INCH or min(wide, high) == 0:
        return
    dpi = min(width / wide, height / high)
    images[name] = min(dpi, images.get(name, dpi))


def _resource(resources: Any, category: Name, name: Any) -> Any:
    return (resources.get(category) or {}).get(str(name)) if resources is not None else None


def _embedded(font: Any) -> bool:
    """Whether a font's shapes are in the file; a Type 3 font is drawn by the file itself."""
    if font.get(Name.Subtype) == Name.Type3:
        return True
    descendants = font.get(Name.DescendantFonts)
    described = descendants[0] if descendants is not None and len(descendants) else font
    descriptor = described.get(Name.FontDescriptor)
    return descriptor is not None and any(file in descriptor for file in FONT_FILES)
