"""Real print PDFs, drawn the same way every time: pages with an image at 300 DPI, an embedded font, trim and bleed."""

import io
import random
from functools import lru_cache

from PIL import Image
from reportlab import rl_config
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

rl_config.useA85 = 0  # print shops send binary streams; as ASCII they would be a quarter larger and slow to write

DPI = 300
BLEED = 3 * mm
FONT = "Vera"  # a TrueType font that reportlab ships, so that it can be embedded
MOTIFS = 4
"""Different pictures; drawing one costs more than the rest of a PDF, so that PDFs share them."""
FORMATS = ((85 * mm, 55 * mm), (105 * mm, 148 * mm))
"""Trim sizes in points: a business card and an A6 flyer."""
BOOKLET, BOOKLET_PAGES = (148 * mm, 210 * mm), 8
"""A5, for what has at least as many pages: files of a megabyte and more."""


class _Jpeg(ImageReader):  # type: ignore[misc]
    """A picture whose pixels are decoded once, and not on every page; reportlab names it by them."""

    def getRGBData(self) -> bytes:
        """Its pixels, of which none is transparent."""
        self._dataA = None
        return _pixels(self.fp.getvalue())


@lru_cache(maxsize=16)
def _pixels(jpeg: bytes) -> bytes:
    return Image.open(io.BytesIO(jpeg)).tobytes()


def print_pdf(number: int, *, pages: int = 1) -> bytes:
    """A print-ready PDF; the same number and pages give the same bytes."""
    width, height = BOOKLET if pages >= BOOKLET_PAGES else FORMATS[number % len(FORMATS)]
    full = (width + 2 * BLEED, height + 2 * BLEED)
    _register_font()
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=full, invariant=1, pageCompression=1)
    canvas.setTitle(f"Print job {number}")
    for page in range(1, pages + 1):
        canvas.setTrimBox((BLEED, BLEED, BLEED + width, BLEED + height))
        canvas.setBleedBox((0, 0, *full))
        canvas.drawImage(_Jpeg(io.BytesIO(_motif((number + page - 1) % MOTIFS, full))), 0, 0, *full)
        canvas.setFont(FONT, 9)
        canvas.drawString(2 * BLEED, 2 * BLEED, f"Job {number}, page {page} of {pages}")
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def picture(number: int) -> bytes:
    """A small JPEG, for proofs, thumbnails and product images."""
    return _jpeg(number, 240, 160)


@lru_cache
def _motif(number: int, full: tuple[float, float]) -> bytes:
    return _jpeg(number, *(round(side / 72 * DPI) for side in full))


@lru_cache
def _jpeg(number: int, width: int, height: int) -> bytes:
    """A coloured gradient: every fourth soft as a plain background, the others with the detail of a photograph."""
    chance = random.Random(number)  # noqa: S311 - a picture, not a secret
    grain = 32 if number % MOTIFS else 3
    coarse = Image.frombytes("RGB", (grain, grain), chance.randbytes(grain * grain * 3))
    target = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(target, "JPEG", quality=80, dpi=(DPI, DPI))
    return target.getvalue()


@lru_cache
def _register_font() -> None:
    pdfmetrics.registerFont(TTFont(FONT, "Vera.ttf"))
