"""The print rules: how dense images are where they are placed, whether fonts are there, and where the sheet is cut."""

from collections.abc import Iterator, Mapping
from typing import Any

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.inspection import Problem
from printflow_reliability.pdf.placement import POINTS_PER_INCH, Drawing

SMALLEST_INCH = 0.1
"""An image drawn smaller than this is a dot or a line, whose resolution says nothing."""
FEWEST_PIXELS = 4
"""An image with fewer pixels on a side is a fill or a gradient, which is meant to be stretched."""
POSTER_INCHES = 1000 / 25.4
"""From a metre on, a page is looked at from afar: the larger it is, the fewer dots it needs."""
SMALLEST_POINTS = 1
BOX_TOLERANCE = 0.01
"""Points by which boxes may miss each other through rounding."""


def marks_on(page: pikepdf.Page, number: int, drawing: Drawing, *, min_dpi: float, embedded: bool) -> Iterator[Problem]:
    """Problems of the images and fonts that a page uses, each once.

    Args:
        page: the page.
        number: its number, from 1.
        drawing: what it draws.
        min_dpi: dots per inch that an image must have; 0 asks nothing.
        embedded: whether fonts must be in the file.

    Raises:
        TypeError, ValueError: its size is none.
    """
    unit = float(page.obj.get(Name.UserUnit, 1))
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


def _resolutions(drawing: Drawing, unit: float) -> Mapping[str, float]:
    """The lowest effective resolution of each image: pixels over the inches on which they are drawn, the worse axis."""
    found: dict[str, float] = {}
    for image in drawing.images:
        wide, high = (inches * unit for inches in image.inches)
        if max(wide, high) < SMALLEST_INCH or min(wide, high) == 0 or min(image.width, image.height) < FEWEST_PIXELS:
            continue
        dpi = min(image.width / wide, image.height / high)
        found[image.name] = min(dpi, found.get(image.name, dpi))
    return found
