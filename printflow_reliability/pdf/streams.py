"""The streams of a document: whether each unpacks to what was packed, and whether each image decodes.

qpdf does not compare the checksum at the end of Flate data, and no renderer refuses a JPEG that is cut: both print
something else than was drawn.
"""

import io
import zlib
from collections.abc import Iterator
from math import ceil

import pikepdf
from pikepdf import Name
from PIL import Image, Jpeg2KImagePlugin, JpegImagePlugin

from printflow_reliability.pdf.inspection import Problem
from printflow_reliability.pdf.names import text_of
from printflow_reliability.pdf.reachable import printed_streams

FLATE = ("FlateDecode", "Fl")
JPEG = ("DCTDecode", "DCT")
JPEG_2000 = ("JPXDecode",)
GENERAL = (*FLATE, "LZWDecode", "LZW", "ASCII85Decode", "A85", "ASCIIHexDecode", "AHx", "RunLengthDecode", "RL")
"""Filters of any data, which qpdf decodes."""
CHUNK = 1024 * 1024
SMALLEST_SCALE = 8
"""libjpeg reads all of the data and skips most of the arithmetic at an eighth of the size."""
CHECKSUM_BYTES = 4
START_OF_SCAN, RESTART_INTERVAL, END_OF_IMAGE = b"\xff\xda", b"\xff\xdd", b"\xff\xd9"
FILLERS = (b"\x00", b"\x55", b"\xaa", b"\xfe")
FILLER_BYTES = 64
"""Bits of different kinds, as many as a few blocks of pixels take."""
COMPONENTS = {"DeviceGray": 1, "CalGray": 1, "G": 1, "DeviceRGB": 3, "CalRGB": 3, "Lab": 3, "DeviceCMYK": 4}
Image.MAX_IMAGE_PIXELS = None  # the worker's own limits of memory and time stand; a large poster is no attack


def damaged_streams(pdf: pikepdf.Pdf) -> Iterator[Problem]:
    """Problems of every stream that may be printed, each said of its object."""
    for found, is_font_file in printed_streams(pdf):
        number = found.objgen[0]
        is_image = found.get(Name.Subtype) == Name.Image
        what = f"image {number}" if is_image else f"font file {number}" if is_font_file else f"stream {number}"
        try:
            problem = _damage(pdf, found, _filters(found), is_image)
            if not problem and (is_image or is_font_file) and not found.read_raw_bytes():
                problem = "is empty"
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # whatever hostile data makes a decoder raise is a property of the data
            problem = f"cannot be decoded ({' '.join(str(error).split())[:80]})"
        if problem:
            yield Problem("image_damaged" if is_image else "stream_damaged", f"{what} {problem}")


def _damage(pdf: pikepdf.Pdf, stream: pikepdf.Stream, filters: tuple[str, ...], is_image: bool) -> str:
    """What is wrong with a stream, as the end of a sentence; empty if nothing is."""
    if filters and filters[0] in FLATE and not flate_is_whole(stream.read_raw_bytes()):
        return "does not unpack to what was packed (its checksum differs, or it is cut off)"
    if not is_image:
        return ""
    general = all(name in GENERAL for name in filters[:-1])
    if general and filters and filters[-1] in (*JPEG, *JPEG_2000):
        packed = stream.read_raw_bytes() if len(filters) == 1 else _without_last(pdf, stream)
        return jpeg_2000_damage(packed) if filters[-1] in JPEG_2000 else jpeg_damage(packed)
    if general and (not filters or filters[-1] in GENERAL):
        return _short_of_pixels(stream)
    return ""


def flate_is_whole(packed: bytes) -> bool:
    """Whether zlib data ends, and with the checksum of what it unpacks to; a missing checksum alone harms nothing."""
    if not packed:
        return True  # nothing was packed, as in the content of a blank page
    unpacker = zlib.decompressobj()
    try:
        _drain(unpacker, packed)
    except zlib.error:
        return False
    if unpacker.eof:
        return True
    bare = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        _drain(bare, packed[2:])
    except zlib.error:
        return False
    return bare.eof and len(bare.unused_data) < CHECKSUM_BYTES


def jpeg_damage(packed: bytes) -> str:
    """What is wrong with a JPEG, as the end of a sentence; all of its data is read, at the smallest scale.

    Every decoder prints a JPEG whose end marker alone is missing.
    """
    try:
        with JpegImagePlugin.JpegImageFile(io.BytesIO(packed)) as image:
            image.draft(image.mode, (image.width // SMALLEST_SCALE, image.height // SMALLEST_SCALE))
            image.load()
    except SyntaxError:
        return "is no JPEG"
    except Exception as error:
        damage = _undecoded(error)
        return "" if _lacks_only_its_end(packed) else damage
    return ""


def _lacks_only_its_end(packed: bytes) -> bool:
    """Whether a JPEG of one scan holds all of its pixels: then what follows its data changes none of them.

    A decoder takes the missing part of a JPEG that was cut from whatever follows. Of several scans, and of several
    intervals between restart markers, a whole one may be missing, which this cannot tell.
    """
    if packed.count(START_OF_SCAN) != 1 or RESTART_INTERVAL in packed:
        return False
    pixels = set()
    for filler in FILLERS:
        try:
            whole = packed.removesuffix(END_OF_IMAGE[:1]) + filler * FILLER_BYTES + END_OF_IMAGE
            with JpegImagePlugin.JpegImageFile(io.BytesIO(whole)) as image:
                pixels.add(image.tobytes())
        except Exception as error:
            _undecoded(error)
            return False
    return len(pixels) == 1


def jpeg_2000_damage(packed: bytes) -> str:
    """The same of a JPEG 2000."""
    try:
        with Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(packed)) as image:
            image.load()
    except SyntaxError:
        return "is no JPEG 2000"
    except Exception as error:
        return _undecoded(error)
    return ""


def _undecoded(error: Exception) -> str:
    """Whatever hostile data makes a decoder raise is a property of the data; but for memory, which is ours."""
    if isinstance(error, MemoryError):
        raise error
    return f"does not decode ({' '.join(str(error).split())[:60]})"


def _drain(unpacker: "zlib._Decompress", packed: bytes) -> None:
    """Unpack and forget, so that a bomb costs time and no memory."""
    left = packed
    while left and not unpacker.eof:
        unpacker.decompress(left, CHUNK)
        left = unpacker.unconsumed_tail


def _without_last(pdf: pikepdf.Pdf, stream: pikepdf.Stream) -> bytes:
    """The data before its last filter, where those before it are general."""
    filters, parameters = stream.Filter, stream.get(Name.DecodeParms)
    bare = pikepdf.Stream(pdf, stream.read_raw_bytes(), Filter=pikepdf.Array(list(filters)[:-1]))
    if isinstance(parameters, pikepdf.Array):
        bare.DecodeParms = pikepdf.Array(list(parameters)[:-1])
    return bare.read_bytes()


def _short_of_pixels(image: pikepdf.Stream) -> str:
    """Whether an image has fewer bytes than its pixels need: the rest of it would be printed black or white."""
    bits = 1 if bool(image.get(Name.ImageMask, False)) else int(image.get(Name.BitsPerComponent, 0))
    components = 1 if bits == 1 and bool(image.get(Name.ImageMask, False)) else _components(image.get(Name.ColorSpace))
    if not bits or not components:
        return ""
    needed = ceil(int(image.Width) * bits * components / 8) * int(image.Height)
    have = len(image.read_bytes())
    return f"has {have:,} of the {needed:,} bytes that its pixels need" if have < needed else ""


def _components(space: pikepdf.Object | None) -> int | None:
    """How many values a pixel has in a colour space; None where that is not known."""
    if space is None:
        return None
    if isinstance(space, pikepdf.Name):
        return COMPONENTS.get(text_of(space))
    if not isinstance(space, pikepdf.Array) or not len(space):
        return None
    family = text_of(space[0])
    if family == "ICCBased":
        return int(space[1].get(Name.N, 0)) or None
    if family in ("Indexed", "I", "Separation"):
        return 1
    return len(space[1]) if family == "DeviceN" else COMPONENTS.get(family)


def _filters(stream: pikepdf.Stream) -> tuple[str, ...]:
    named = stream.get(Name.Filter)
    if named is None:
        return ()
    return tuple(text_of(name) for name in named) if isinstance(named, pikepdf.Array) else (text_of(named),)
