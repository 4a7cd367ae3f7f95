"""PDFs with one image each, of every kind that prepress meets."""

import io
import re
from collections.abc import Callable

import pikepdf
from pikepdf import Name
from PIL import Image, ImageCms

from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability_tests.pdf.files import (
    AS_IT_IS,
    changed,
    first_image,
    jpeg,
    with_image,
)

SIDE = 200
NOISE = Image.effect_noise((SIDE, SIDE), 90)
END = b"\xff\xd9"
START_OF_COLOURS = b"\x08" + SIDE.to_bytes(2, "big") * 2
SPACES = {1: Name.DeviceGray, 3: Name.DeviceRGB, 4: Name.DeviceCMYK}
"""By the number of colours in the head of a JPEG, which stands behind its size."""


def picture(mode: str = "RGB", kind: str = "JPEG", **options: object) -> bytes:
    """Noise, of which no two encoded blocks are alike."""
    target = io.BytesIO()
    NOISE.convert(mode).save(target, kind, **options)
    return target.getvalue()


def placed(data: bytes, packed_by: Name = Name.DCTDecode, **entries: object) -> bytes:
    if packed_by == Name.DCTDecode and START_OF_COLOURS in data:
        entries.setdefault("ColorSpace", SPACES[data[data.index(START_OF_COLOURS) + len(START_OF_COLOURS)]])
    return with_image(data, Filter=packed_by, Width=SIDE, Height=SIDE, **entries)


def tiny() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (5, 3)).save(target, "JPEG")
    return target.getvalue()


def restarted(without: int | None = None) -> bytes:
    """A JPEG with a restart marker after each row of blocks; one interval may be taken out of it."""
    data = picture(restart_marker_rows=1)
    if without is None:
        return data
    parts = re.split(rb"(?=\xff[\xd0-\xd7])", data)
    return b"".join(parts[:without] + parts[without + 1 :])


def fax(kept: int | None = None, *, block_ends: bool = True) -> bytes:
    """An image in CCITT Group 4."""
    with Image.open(io.BytesIO(picture("1", "TIFF", compression="group4", strip_size=SIDE * SIDE))) as image:
        tags = image.tag_v2  # type: ignore[attr-defined]
        (start,), (length,) = tags[273], tags[279]
    tiff = picture("1", "TIFF", compression="group4", strip_size=SIDE * SIDE)
    parms = pikepdf.Dictionary(K=-1, Columns=SIDE, Rows=SIDE, EndOfBlock=block_ends)
    data = tiff[start : start + length][:kept]
    return placed(data, Name.CCITTFaxDecode, DecodeParms=parms, BitsPerComponent=1, ColorSpace=Name.DeviceGray)


def segment(number: int, kind: int, data: bytes, *refers_to: int) -> bytes:
    """A segment of JBIG2 on page 1."""
    head = number.to_bytes(4, "big") + bytes((kind, len(refers_to) << 5, *refers_to, 1))
    return head + len(data).to_bytes(4, "big") + data


PAGE, REGION = segment(1, 48, bytes(19)), segment(2, 38, bytes(400))
TEXT, SYMBOLS = segment(2, 6, bytes(400), 0), segment(0, 0, bytes(300))


def jbig2(data: bytes, shared: bytes = b"") -> bytes:
    def scanned(pdf: pikepdf.Pdf) -> None:
        image = first_image(pdf)
        image.write(data, filter=Name.JBIG2Decode)
        image.BitsPerComponent, image.ColorSpace = 1, Name.DeviceGray
        if shared:
            image.DecodeParms = pikepdf.Dictionary(JBIG2Globals=pdf.make_stream(shared))

    return changed(scanned, **AS_IT_IS)


def sampled(data: bytes, packed_by: Name | None = None) -> bytes:
    """The good PDF with an image of 100 x 100 gray pixels besides."""

    def drawn(pdf: pikepdf.Pdf) -> None:
        image = pdf.make_stream(data, Type=Name.XObject, Subtype=Name.Image, Width=100, Height=100, BitsPerComponent=8)
        image.ColorSpace = Name.DeviceGray
        if packed_by is not None:
            image.Filter = packed_by
        pdf.pages[0].obj.Resources.XObject["/Raw"] = image
        pdf.pages[0].contents_add(b"q 20 0 0 20 0 0 cm /Raw Do Q")

    return changed(drawn, **AS_IT_IS)


def without_entry(key: str, value: object = None) -> bytes:
    """The good PDF whose image lacks an entry, or has another value there."""

    def change(pdf: pikepdf.Pdf) -> None:
        image = first_image(pdf)
        if value is None:
            del image[key]
        else:
            image[key] = value

    return changed(change, **AS_IT_IS)


def coloured(space: Callable[[pikepdf.Pdf], pikepdf.Array], data: bytes = bytes(10_000)) -> bytes:
    """The good PDF with an image of 100 x 100 samples of a byte in a colour space."""

    def drawn(pdf: pikepdf.Pdf) -> None:
        image = pdf.make_stream(data, Type=Name.XObject, Subtype=Name.Image, Width=100, Height=100, BitsPerComponent=8)
        image.ColorSpace = space(pdf)
        pdf.pages[0].obj.Resources.XObject["/Raw"] = image
        pdf.pages[0].contents_add(b"q 20 0 0 20 0 0 cm /Raw Do Q")

    return changed(drawn, **AS_IT_IS)


def palette(colours: int, given: int) -> bytes:
    table = pikepdf.String(bytes(3 * given))
    return coloured(lambda _: pikepdf.Array([Name.Indexed, Name.DeviceRGB, colours - 1, table]))


def profile(data: bytes, **entries: object) -> bytes:
    return coloured(lambda pdf: pikepdf.Array([Name.ICCBased, pdf.make_stream(data, **entries)]))


def spot(function: bytes | None, **entries: object) -> bytes:
    def space(pdf: pikepdf.Pdf) -> pikepdf.Array:
        ink: list[object] = [Name.Separation, Name("/PANTONE#20185#20C"), Name.DeviceCMYK]
        if function is not None:
            ink.append(pdf.make_stream(function, Domain=[0, 1], Range=[0, 1] * 4, **entries))
        return pikepdf.Array(ink)

    return coloured(space)


TINT = b"{dup 0 mul exch dup 1 mul exch dup 1 mul exch 0 mul}"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RUNS = (bytes((127,)) + bytes(128)) * 78 + bytes((15,)) + bytes(16) + b"\x80"
"""10,000 bytes as the filter RunLengthDecode packs them."""
KINDS: dict[str, bytes] = {
    "a JPEG": jpeg(),
    "a gray JPEG": picture("L"),
    "a CMYK JPEG with Adobe's marker": picture("CMYK"),
    "a progressive JPEG": picture(progressive=True),
    "a progressive CMYK JPEG": picture("CMYK", progressive=True),
    "a JPEG with restart markers": restarted(),
    "a JPEG with a table of its own": picture(optimize=True),
    "a JPEG without subsampling": picture(subsampling=0),
}
"""Kinds of JPEG: each whole, cut and without its end marker."""
WHOLE: dict[str, tuple[bytes, Verdict]] = {
    **{kind: (placed(data), Verdict.GOOD) for kind, data in KINDS.items()},
    **{f"{kind}, without its end marker": (placed(data[:-2]), Verdict.REPAIRABLE) for kind, data in KINDS.items()},
    "a JPEG with half of its end marker": (placed(picture()[:-1]), Verdict.REPAIRABLE),
    "a JPEG with bytes behind its end": (placed(picture() + b"\r\n"), Verdict.GOOD),
    "a JPEG with a camera's bytes behind its pixels": (placed(picture()[:-2] + b"SEFT" * 99 + END), Verdict.GOOD),
    "a JPEG with another behind it": (placed(picture() + picture("L")), Verdict.GOOD),
    "a JPEG of 5 x 3 pixels": (with_image(tiny(), Width=5, Height=3), Verdict.GOOD),
    "a JPEG 2000": (placed(picture("RGB", "JPEG2000"), Name.JPXDecode), Verdict.GOOD),
    "a JPEG 2000 in tiles": (placed(picture("RGB", "JPEG2000", tile_size=(64, 64)), Name.JPXDecode), Verdict.GOOD),
    "a bare JPEG 2000 codestream": (placed(picture("RGB", "JPEG2000", no_jp2=True), Name.JPXDecode), Verdict.GOOD),
    "a JPEG 2000 without its end marker": (
        placed(picture("RGB", "JPEG2000")[:-2], Name.JPXDecode),
        Verdict.REPAIRABLE,
    ),
    "a fax image": (fax(), Verdict.GOOD),
    "a fax image without its end code": (fax(-3, block_ends=False), Verdict.GOOD),
    "a JBIG2 image": (jbig2(PAGE + REGION), Verdict.GOOD),
    "a JBIG2 image with shared symbols": (jbig2(PAGE + TEXT, SYMBOLS), Verdict.GOOD),
    "gray samples": (sampled(bytes(10_000)), Verdict.GOOD),
    "gray samples and a newline": (sampled(bytes(10_000) + b"\n"), Verdict.GOOD),
    "a JPEG that is smaller than its image": (without_entry("/Height", 9999), Verdict.REPAIRABLE),
    "a palette": (palette(256, 256), Verdict.GOOD),
    "a colour profile": (profile(SRGB, N=1), Verdict.GOOD),
    "a colour profile that is an HTML page": (profile(b"<html>404</html>", N=1), Verdict.REPAIRABLE),
    "a spot colour": (spot(TINT, FunctionType=4), Verdict.GOOD),
    "a spot colour of samples": (spot(bytes(1024), FunctionType=0, Size=[256], BitsPerSample=8), Verdict.GOOD),
    "run lengths": (sampled(RUNS, Name.RunLengthDecode), Verdict.GOOD),
}
