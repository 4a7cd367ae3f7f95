"""The streams of a document: whether each unpacks to what was packed, and whether each image, font and form is whole.

What is damaged there prints without a word: as something else than was drawn, or not at all.
"""

from collections.abc import Iterator
from math import ceil, prod

import pikepdf
from pikepdf import Name
from PIL import Image

from printflow_reliability.pdf import filters
from printflow_reliability.pdf.flaw import Flaw
from printflow_reliability.pdf.fonts import font_flaw
from printflow_reliability.pdf.images.fax import fax_flaw
from printflow_reliability.pdf.images.jbig2 import jbig2_flaw
from printflow_reliability.pdf.images.jpeg import jpeg_flaw
from printflow_reliability.pdf.images.jpeg_2000 import jpeg_2000_flaw
from printflow_reliability.pdf.images.samples import colours_flaw, components_of, samples_flaw
from printflow_reliability.pdf.inspection import Problem
from printflow_reliability.pdf.reachable import Role, printed_streams

END_OF_CMAP = b"endcmap"
CALCULATED = 4
"""The type of a function."""
Image.MAX_IMAGE_PIXELS = None  # the worker's own limits of memory and time stand; a large poster is no attack


def damaged_streams(pdf: pikepdf.Pdf) -> Iterator[Problem]:
    """Problems of every stream that may be printed, each said of its object."""
    for found, role in printed_streams(pdf):
        try:
            flaw = stream_flaw(pdf, found, role)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # whatever hostile data makes a decoder raise is a property of the data
            flaw = Flaw(f"cannot be decoded ({' '.join(str(error).split())[:80]})")
        if flaw:
            code = "warnings" if not flaw.lost else "image_damaged" if role is Role.IMAGE else "stream_damaged"
            yield Problem(code, f"{role} {found.objgen[0]} {flaw.text}")


def stream_flaw(pdf: pikepdf.Pdf, stream: pikepdf.Stream, role: Role) -> Flaw | None:
    """What is wrong with a stream; None if nothing is."""
    names = filters.filters_of(stream)
    unknown = [name for name in names if name not in (*filters.GENERAL, *filters.IMAGE)]
    if unknown:
        return Flaw(f'is packed as "{unknown[0]}", which no printer unpacks')
    flaw = None
    if names and names[0] in filters.FLATE:
        flaw = filters.flate_flaw(stream.read_raw_bytes())
        if flaw is not None and flaw.lost:
            return flaw
    if role in (Role.IMAGE, Role.FONT_FILE) and not stream.read_raw_bytes():
        return Flaw("is empty")
    if role is Role.IMAGE:
        return _image_flaw(pdf, stream) or flaw
    if all(name in filters.GENERAL for name in names):
        data = filters.unpacked(stream)
        if role is Role.FONT_FILE:
            return font_flaw(data) or flaw
        if role is Role.CMAP:
            return _cmap_flaw(data) or flaw
        if role is Role.FUNCTION:
            return _function_flaw(stream, data) or flaw
    return flaw


def _image_flaw(pdf: pikepdf.Pdf, image: pikepdf.Stream) -> Flaw | None:
    """What is wrong with an image; None if all of its pixels are there, and what they mean."""
    names = filters.filters_of(image)
    if min(int(image.get(Name.Width, 0)), int(image.get(Name.Height, 0))) <= 0:
        return Flaw("has no size")
    flaw = None if names and names[-1] in filters.JPEG_2000 else colours_flaw(image)
    if flaw is not None and flaw.lost:
        return flaw
    return _pixels_flaw(pdf, image, names) or flaw


def _pixels_flaw(pdf: pikepdf.Pdf, image: pikepdf.Stream, names: tuple[str, ...]) -> Flaw | None:
    if not names or names[-1] in filters.GENERAL:
        return samples_flaw(image)
    packed = filters.before_last_filter(pdf, image)
    parameters = filters.parameters_of(image, len(names) - 1)
    if names[-1] in filters.JPEG:
        return jpeg_flaw(packed, components_of(image.get(Name.ColorSpace)), int(image.Width), int(image.Height))
    if names[-1] in filters.JPEG_2000:
        return jpeg_2000_flaw(packed)
    if names[-1] in filters.JBIG2:
        shared = parameters.get(Name.JBIG2Globals) if parameters is not None else None
        return jbig2_flaw(packed, filters.unpacked(shared) if shared is not None else b"")
    given = {} if parameters is None else {key.lstrip("/"): value for key, value in parameters.items()}
    return fax_flaw(packed, given, int(image.Height))


def _cmap_flaw(data: bytes) -> Flaw | None:
    """A CMap says which glyphs the bytes of a text mean."""
    return None if END_OF_CMAP in data else Flaw("is cut off, or no CMap")


def _function_flaw(function: pikepdf.Stream, data: bytes) -> Flaw | None:
    """A function of samples has so many, and one that is calculated is a block of PostScript."""
    if function.get(Name.FunctionType) == CALCULATED:
        block = data.strip(b"\0\t\n\f\r ")
        return None if block.startswith(b"{") and block.endswith(b"}") else Flaw("is cut off, or no function")
    values = prod(int(size) for size in function.Size) * len(function.Range) // 2
    needed = ceil(values * int(function.BitsPerSample) / 8)
    return Flaw(f"has {len(data):,} of {needed:,} bytes of its samples") if len(data) < needed else None
