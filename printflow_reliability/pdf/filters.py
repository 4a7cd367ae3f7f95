"""The filters that a stream is packed with: which they are, and whether Flate data unpack to what was packed.

qpdf does not compare the checksum at the end of Flate data.
"""

import zlib
from math import ceil

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.flaw import Flaw
from printflow_reliability.pdf.names import text_of

FLATE = ("FlateDecode", "Fl")
ASCII_85 = ("ASCII85Decode", "A85")
ASCII_HEX = ("ASCIIHexDecode", "AHx")
GENERAL = (*FLATE, *ASCII_85, *ASCII_HEX, "LZWDecode", "LZW", "RunLengthDecode", "RL", "Crypt")
"""Filters of any data, which qpdf decodes."""
JPEG = ("DCTDecode", "DCT")
JPEG_2000 = ("JPXDecode",)
FAX = ("CCITTFaxDecode", "CCF")
JBIG2 = ("JBIG2Decode",)
IMAGE = (*JPEG, *JPEG_2000, *FAX, *JBIG2)
CHUNK = 1024 * 1024
CHECKSUM_BYTES = 4
PNG_PREDICTORS = 10
"""From this number on, a predictor is one of PNG's."""
FLUSHED = b"\x00\x00\xff\xff"
"""What a program writes that flushes its data after each part (RFC 1951, 3.2.4)."""


def filters_of(stream: pikepdf.Stream) -> tuple[str, ...]:
    """The names of a stream's filters, the outermost first."""
    named = stream.get(Name.Filter)
    if named is None:
        return ()
    return tuple(text_of(name) for name in named) if isinstance(named, pikepdf.Array) else (text_of(named),)


def parameters_of(stream: pikepdf.Stream, place: int) -> pikepdf.Object | None:
    """The parameters of one of its filters; None for none."""
    parameters = stream.get(Name.DecodeParms, stream.get(Name.DP))
    if isinstance(parameters, pikepdf.Array):
        return parameters[place] if place < len(parameters) else None
    return parameters


def unpacked(stream: pikepdf.Object) -> bytes:
    """A stream's data, where its filters are general."""
    return stream.read_bytes(pikepdf.StreamDecodeLevel.specialized)


def unpacked_length(stream: pikepdf.Stream) -> int:
    """How many bytes a stream has unpacked; those of Flate data are counted, not kept: a poster's are many."""
    if filters_of(stream) not in ((FLATE[0],), (FLATE[1],)):
        return len(unpacked(stream))
    length = _drain(zlib.decompressobj(), stream.read_raw_bytes())
    parameters = parameters_of(stream, 0)
    if parameters is None or int(parameters.get(Name.Predictor, 1)) < PNG_PREDICTORS:
        return length
    bits = int(parameters.get(Name.Colors, 1)) * int(parameters.get(Name.BitsPerComponent, 8))
    row = ceil(bits * int(parameters.get(Name.Columns, 1)) / 8)
    # Each row begins with a byte that says how it is predicted.
    return length // (row + 1) * row + max(length % (row + 1) - 1, 0)


def flate_flaw(packed: bytes) -> Flaw | None:
    """What is wrong with zlib data; None if they end, and with the checksum of what they unpack to."""
    if not packed:
        return None  # nothing was packed, as in the content of a blank page
    unpacker = zlib.decompressobj()
    try:
        _drain(unpacker, packed)
        if unpacker.eof:
            return None
        bare = zlib.decompressobj(-zlib.MAX_WBITS)
        _drain(bare, packed[2:])
    except zlib.error:
        return Flaw("does not unpack to what was packed (its checksum differs, or it is damaged)")
    if bare.eof and len(bare.unused_data) < CHECKSUM_BYTES:
        return Flaw("lacks its checksum", lost=False)
    if packed.rstrip(b"\r\n").endswith(FLUSHED):
        return Flaw("was never finished, but ends with a whole block", lost=False)
    return Flaw("does not unpack to what was packed: it is cut off")


def before_last_filter(pdf: pikepdf.Pdf, stream: pikepdf.Stream) -> bytes:
    """The data before its last filter, where those before it are general."""
    if len(filters_of(stream)) == 1:
        return stream.read_raw_bytes()
    filters, parameters = stream.Filter, stream.get(Name.DecodeParms)
    bare = pikepdf.Stream(pdf, stream.read_raw_bytes(), Filter=pikepdf.Array(list(filters)[:-1]))
    if isinstance(parameters, pikepdf.Array):
        bare.DecodeParms = pikepdf.Array(list(parameters)[:-1])
    return unpacked(bare)


def _drain(unpacker: "zlib._Decompress", packed: bytes) -> int:
    """Unpack and forget, so that a bomb costs time and no memory; how many bytes it were.

    Raises:
        zlib.error: the data are damaged.
    """
    left, length = packed, 0
    while left and not unpacker.eof:
        length += len(unpacker.decompress(left, CHUNK))
        left = unpacker.unconsumed_tail
    return length
