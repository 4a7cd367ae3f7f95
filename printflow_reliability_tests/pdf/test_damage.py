"""Every kind of damage that a renderer prints without a word, and every oddity of files that print well.

The table at the end of the run shows kind, verdict and seconds.
"""

import base64
import io
import random
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Name
from PIL import Image, ImageCms

from printflow_reliability.pdf.inspect import inspect_file
from printflow_reliability.pdf.inspection import Inspection, Rules, Verdict
from printflow_reliability.pdf.worker import rules_of
from printflow_reliability.settings import PdfSettings
from printflow_reliability.text import storable
from printflow_reliability_tests.pdf.files import GOOD, RULES, changed

DEFAULTS = rules_of(PdfSettings())
Record = Callable[[str, object], None]
GARBAGE = random.Random(1).randbytes(3000)


def small(
    content: bytes = b"BT /F1 12 Tf (x) Tj ET",
    *,
    name: bytes = b"/F1",
    kids: bytes = b"3 0 R",
    count: bytes = b"1",
    contents: bytes = b"/Contents 5 0 R",
    catalog: bytes = b"",
) -> bytes:
    """A PDF of a few hundred bytes, written by hand, as no library would write it."""
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [%s] /Count %s >>" % (kids, count),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] %s /Resources << /Font << %s 4 0 R >> >> >>"
        % (contents, name),
        b"<< /Type /Font /Subtype /Type1 /BaseFont %s >>" % name,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    )
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Root 1 0 R /Size %d >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1) + table + trailer


def with_image(data: bytes, **entries: object) -> bytes:
    """The good PDF whose first image is replaced."""

    def replaced(pdf: pikepdf.Pdf) -> None:
        image = first_image(pdf)
        image.write(data, filter=Name.DCTDecode)
        for key, value in entries.items():
            image[f"/{key}"] = value

    return changed(replaced, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def jpeg() -> bytes:
    with pikepdf.open(io.BytesIO(GOOD)) as pdf:
        return bytes(first_image(pdf).read_raw_bytes())


def first_image(pdf: pikepdf.Pdf) -> pikepdf.Object:
    streams = (found for found in pdf.objects if isinstance(found, pikepdf.Stream))
    return next(stream for stream in streams if stream.get(Name.Subtype) == Name.Image)


def flate(spoil: Callable[[bytes], bytes]) -> bytes:
    """The good PDF with its first page's content packed by Flate, and spoiled."""

    def packed(pdf: pikepdf.Pdf) -> None:
        content = zlib.compress(pdf.pages[0].Contents.read_bytes())
        pdf.pages[0].obj.Contents = pikepdf.Stream(pdf, spoil(content), Filter=Name.FlateDecode)

    return changed(packed, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def raw_image(bytes_of_pixels: int) -> bytes:
    def drawn(pdf: pikepdf.Pdf) -> None:
        image = pdf.make_stream(
            b"\x55" * bytes_of_pixels,
            Type=Name.XObject,
            Subtype=Name.Image,
            Width=100,
            Height=100,
            BitsPerComponent=8,
            ColorSpace=Name.DeviceRGB,
        )
        pdf.pages[0].obj.Resources.XObject["/Raw"] = image
        pdf.pages[0].contents_add(b"q 20 0 0 20 0 0 cm /Raw Do Q")

    return changed(drawn)


def emptied(content: bytes) -> bytes:
    def spoiled(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].obj.Contents = pdf.make_stream(content)

    return changed(spoiled)


def without_contents(pdf: pikepdf.Pdf) -> None:
    del pdf.pages[0].obj[Name.Contents]


def framed(content: bytes) -> bytes:
    """As an `aws-chunked` upload whose framing was stored."""
    signature = b";chunk-signature=" + b"a1" * 32
    half = len(content) // 2
    parts = (content[:half], content[half:])
    return b"".join(b"%x%s\r\n%s\r\n" % (len(part), signature, part) for part in parts) + b"0%s\r\n\r\n" % signature


def without(category: str) -> bytes:
    """The good PDF whose first page lacks the fonts, or the forms and images, that it draws."""

    def change(pdf: pikepdf.Pdf) -> None:
        del pdf.pages[0].obj.Resources[category]

    return changed(change)


def progressive() -> bytes:
    target = io.BytesIO()
    Image.effect_noise((256, 256), 90).convert("RGB").save(target, "JPEG", progressive=True)
    return target.getvalue()


def inline_image(pdf: pikepdf.Pdf) -> None:
    pixels = bytes(range(16))
    pdf.pages[0].contents_add(b"q 50 0 0 50 0 0 cm BI /W 4 /H 4 /BPC 8 /CS /G ID " + pixels + b" EI Q")


def optional_content(pdf: pikepdf.Pdf) -> None:
    group = pdf.make_indirect(pikepdf.Dictionary(Type=Name.OCG, Name=pikepdf.String("Die cut")))
    default = pikepdf.Dictionary(ON=[group], Order=[group])
    pdf.Root.OCProperties = pikepdf.Dictionary(OCGs=[group], D=default)
    pdf.pages[0].obj.Resources.Properties = pikepdf.Dictionary(MC0=group)
    pdf.pages[0].contents_add(b"/OC /MC0 BDC 0 0 10 10 re f EMC")


def colour_profile(pdf: pikepdf.Pdf) -> None:
    profile = pdf.make_stream(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), N=3)
    first_image(pdf).ColorSpace = pikepdf.Array([Name.ICCBased, profile])
    intent = pikepdf.Dictionary(Type=Name.OutputIntent, S=Name("/GTS_PDFX"), DestOutputProfile=profile)
    pdf.Root.OutputIntents = pikepdf.Array([intent])


def signed(pdf: pikepdf.Pdf) -> None:
    signature = pikepdf.Dictionary(
        Type=Name.Sig,
        Filter=Name("/Adobe.PPKLite"),
        ByteRange=[0, 100, 200, 100],
        Contents=pikepdf.String(b"\0" * 2000),
    )
    field = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T="Signature", V=signature, Rect=[0, 0, 0, 0]
        )
    )
    pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[field], SigFlags=3)
    pdf.pages[0].obj.Annots = pikepdf.Array([field])


def incremental(content: bytes, updates: int) -> bytes:
    """A PDF with updates at its end, as programs append them: each one object, a table and a trailer."""
    with pikepdf.open(io.BytesIO(content)) as pdf:
        root, number = pdf.Root.objgen[0], int(pdf.trailer.Size)
    for _ in range(updates):
        previous = int(re.findall(rb"startxref\s+(\d+)", content)[-1])
        at = len(content) + 1
        content += b"\n%d 0 obj\n<< /Note (changed) >>\nendobj\n" % number
        table = len(content)
        content += b"xref\n%d 1\n%010d 00000 n \n" % (number, at)
        content += b"trailer << /Size %d /Root %d 0 R /Prev %d >>\n" % (number + 1, root, previous)
        content += b"startxref\n%d\n%%%%EOF\n" % table
    return content


def many_pages(pages: int) -> bytes:
    target = io.BytesIO()
    with pikepdf.new() as pdf:
        for _ in range(pages):
            pdf.add_blank_page(page_size=(200, 200))
            pdf.pages[-1].Contents = pdf.make_stream(b"0 0 10 10 re f")
        pdf.save(target)
    return target.getvalue()


def image_behind(encode: Callable[[bytes], bytes], *filters: Name) -> bytes:
    """The good PDF whose first image is a JPEG cut in half and packed once more."""

    def packed(pdf: pikepdf.Pdf) -> None:
        first_image(pdf).write(encode(jpeg()[: len(jpeg()) // 2]), filter=pikepdf.Array([*filters, Name.DCTDecode]))

    return changed(packed, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def jpeg_2000(kept: int | None = None) -> bytes:
    target = io.BytesIO()
    Image.effect_noise((256, 256), 90).convert("RGB").save(target, "JPEG2000")
    data = target.getvalue()[:kept]
    return with_image(data, Filter=Name.JPXDecode, Width=256, Height=256)


def boxed(**sides: list[int]) -> bytes:
    def change(pdf: pikepdf.Pdf) -> None:
        for box, values in sides.items():
            pdf.pages[0].obj[f"/{box}"] = values

    return changed(change)


def spoiled_beside(kind: str) -> bytes:
    """The good PDF with a Flate stream that is damaged, where no printer looks."""

    def change(pdf: pikepdf.Pdf) -> None:
        packed = zlib.compress(b"not printed" * 50)
        spoiled = pikepdf.Stream(pdf, packed[:-1] + bytes([packed[-1] ^ 1]), Filter=Name.FlateDecode)
        if kind == "thumbnail":
            pdf.pages[0].obj.Thumb = spoiled
        else:
            pdf.Root.Spoiled = spoiled

    return changed(change, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def shared_resources(pdf: pikepdf.Pdf) -> None:
    """As programs write that give every page the same resources, also a blank one."""
    pdf.pages[0].obj.Resources = pdf.make_indirect(pdf.pages[0].obj.Resources)
    blank = pikepdf.Dictionary(Type=Name.Page, MediaBox=[0, 0, 200, 200], Resources=pdf.pages[0].obj.Resources)
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(blank)))


def attached(pdf: pikepdf.Pdf) -> None:
    for name in ("a.pdf", "b.pdf"):
        pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, GOOD, filename=name)


def xfa(pdf: pikepdf.Pdf) -> None:
    pdf.Root.AcroForm = pikepdf.Dictionary(XFA=pdf.make_stream(b"<xdp/>"), Fields=pikepdf.Array())
    pdf.Root.NeedsRendering = True


DAMAGE: dict[str, tuple[bytes, str]] = {
    "fewer pages than its tree says": (small(count=b"3"), "pages_missing"),
    "a null kid": (small(kids=b"3 0 R null", count=b"2"), "pages_missing"),
    "a kid that is not there": (small(kids=b"3 0 R 9 0 R", count=b"2"), "pages_missing"),
    "content that is not there": (small(contents=b"/Contents 9 0 R"), "blank"),
    "content that is null": (small(contents=b"/Contents null"), "blank"),
    "content without a byte": (small(b""), "blank"),
    "content of NULs": (small(b"\0" * 60), "blank"),
    "one page without its content": (changed(without_contents), "content_missing"),
    "one page with empty content": (emptied(b""), "content_missing"),
    "one page with content of NULs": (emptied(b"\0" * 400), "content_missing"),
    "an HTML page for a JPEG": (with_image(b"<html>404 Not Found</html>"), "image_damaged"),
    "a JPEG cut in half": (with_image(jpeg()[: len(jpeg()) // 2]), "image_damaged"),
    "a JPEG cut at its end": (with_image(jpeg()[:-800]), "image_damaged"),
    "a JPEG that lacks its last byte of pixels": (with_image(jpeg()[:-3]), "image_damaged"),
    "a progressive JPEG that is cut": (
        with_image(progressive()[:-3000], Width=256, Height=256),
        "image_damaged",
    ),
    "text in a font that is not there": (without("/Font"), "damaged_page"),
    "a form that is not there": (without("/XObject"), "damaged_page"),
    "page content that is another file's bytes": (emptied(GARBAGE), "damaged_page"),
    "a JPEG without a byte": (with_image(b""), "image_damaged"),
    "fewer pixels than its size says": (raw_image(15_000), "image_damaged"),
    "Flate data with a wrong checksum": (flate(lambda packed: packed[:-1] + bytes([packed[-1] ^ 1])), "stream_damaged"),
    "Flate data that is cut": (flate(lambda packed: packed[:-40]), "stream_damaged"),
    "upload framing": (framed(GOOD), "upload_framing"),
    "upload framing without signatures": (b"%x\r\n" % len(GOOD) + GOOD + b"\r\n0\r\n\r\n", "upload_framing"),
    "two files joined": (GOOD + GOOD, "joined"),
    "a large and a small file joined": (GOOD + b"\r\n" + small(), "joined"),
    "two files joined by a boundary": (GOOD + b"\r\n--part\r\nContent-Type: application/pdf\r\n\r\n" + GOOD, "joined"),
    "a cut JPEG behind ASCII85": (
        image_behind(lambda data: base64.a85encode(data) + b"~>", Name.ASCII85Decode),
        "image_damaged",
    ),
    "a cut JPEG behind Flate": (image_behind(zlib.compress, Name.FlateDecode), "image_damaged"),
    "a JPEG 2000 cut in its header": (jpeg_2000(60), "image_damaged"),
    "a fax image without a byte": (with_image(b"", Filter=Name.CCITTFaxDecode), "image_damaged"),
    "a JBIG2 image without a byte": (with_image(b"", Filter=Name.JBIG2Decode), "image_damaged"),
    "a page without area": (boxed(MediaBox=[0, 0, 0, 0]), "no_area"),
    "a crop box beside the page": (boxed(CropBox=[9000, 9000, 9100, 9100]), "no_area"),
    "a form that asks to wait": (changed(xfa), "xfa_form"),
    "a repair that loses pages": (
        changed(object_stream_mode=pikepdf.ObjectStreamMode.disable).replace(b"/Count 2", b"/Count 9"),
        "pages_missing",
    ),
}
"""Called good by readers, and printed with something missing."""


def drawn_often(times: int) -> bytes:
    def formed(pdf: pikepdf.Pdf) -> None:
        page = pdf.pages[0]
        inner = b"q 1 0 0 1 0 0 cm Q\n" * 2000
        form = pdf.make_stream(
            inner, Type=Name.XObject, Subtype=Name.Form, BBox=page.mediabox, Resources=pikepdf.Dictionary()
        )
        page.obj.Resources.XObject["/Often"] = form
        page.contents_add(b"/Often Do\n" * times)

    return changed(formed)


def one_pixel(pdf: pikepdf.Pdf) -> None:
    fill = pdf.make_stream(
        b"\xff\0\0",
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=1,
        Height=1,
        BitsPerComponent=8,
        ColorSpace=Name.DeviceRGB,
    )
    pdf.pages[0].obj.Resources.XObject["/Fill"] = fill
    pdf.pages[0].contents_add(b"q 400 0 0 400 0 0 cm /Fill Do Q")


def invisible(pdf: pikepdf.Pdf) -> None:
    helvetica = pikepdf.Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    pdf.pages[0].resources.Font["/F9"] = pdf.make_indirect(helvetica)
    pdf.pages[0].contents_add(b"q BT 3 Tr /F9 12 Tf 20 20 Td (scanned) Tj ET Q")


def barely(pdf: pikepdf.Pdf) -> None:
    for page in pdf.pages:
        page.contents_add(b"2.0005 0 0 2.0005 0 0 cm", prepend=True)


def poster(pdf: pikepdf.Pdf) -> None:
    for page in pdf.pages:
        page.contents_add(b"6 0 0 6 0 0 cm", prepend=True)
        page.obj.MediaBox = [0, 0, 6000, 6000]


def enlarged(pdf: pikepdf.Pdf) -> None:
    for page in pdf.pages:
        page.contents_add(b"4 0 0 4 0 0 cm", prepend=True)


def blank_back(pdf: pikepdf.Pdf) -> None:
    pdf.add_blank_page(page_size=(200, 200))


def no_checksum(pdf: pikepdf.Pdf) -> None:
    content = zlib.compress(pdf.pages[0].Contents.read_bytes())
    pdf.pages[0].obj.Contents = pikepdf.Stream(pdf, content[:-4], Filter=Name.FlateDecode)


PRINTABLE: dict[str, tuple[bytes, Rules, Verdict]] = {
    "a GBK name": (small(b"BT /F\xc4\xe3 12 Tf (x) Tj ET", name=b"/F\xc4\xe3"), DEFAULTS, Verdict.GOOD),
    "a Latin-1 name": (small(b"BT /F#E9 12 Tf (x) Tj ET", name=b"/F#E9"), DEFAULTS, Verdict.GOOD),
    "a name with a stray #": (small(b"BT /F# 12 Tf (x) Tj ET", name=b"/F#"), DEFAULTS, Verdict.GOOD),
    "a name with an escaped NUL": (small(b"BT /F1 12 Tf (x) Tj ET"), DEFAULTS, Verdict.GOOD),
    "much junk behind the end": (GOOD + b"\r\n" + b"<!-- cached -->" * 400, RULES, Verdict.REPAIRABLE),
    "junk before the header": (b"\xef\xbb\xbf\r\n" + GOOD, RULES, Verdict.GOOD),
    "one-pixel fills": (changed(one_pixel), RULES, Verdict.GOOD),
    "just as many dots as needed": (changed(barely), RULES, Verdict.GOOD),
    "invisible text of a scan": (changed(invisible), RULES, Verdict.GOOD),
    "a form drawn 2,000 times": (drawn_often(2000), RULES, Verdict.GOOD),
    "a poster": (changed(poster), replace(RULES, min_dpi=100), Verdict.GOOD),
    "a blank back": (changed(blank_back), RULES, Verdict.GOOD),
    "Flate data without a checksum": (
        changed(no_checksum, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none),
        RULES,
        Verdict.REPAIRABLE,
    ),
    "an attachment or a note with damage": (spoiled_beside("root"), DEFAULTS, Verdict.GOOD),
    "a damaged thumbnail": (spoiled_beside("thumbnail"), DEFAULTS, Verdict.GOOD),
    "a blank page with everybody's resources": (changed(shared_resources), RULES, Verdict.GOOD),
    "attached PDFs that are not packed": (changed(attached, compress_streams=False), RULES, Verdict.GOOD),
    "a JPEG without its end marker": (with_image(jpeg()[:-2]), DEFAULTS, Verdict.REPAIRABLE),
    "a JPEG with bytes behind its end": (with_image(jpeg() + b"\r\n"), DEFAULTS, Verdict.GOOD),
    "a progressive JPEG": (with_image(progressive(), Width=256, Height=256), DEFAULTS, Verdict.GOOD),
    "an inline image": (changed(inline_image), DEFAULTS, Verdict.GOOD),
    "optional content": (changed(optional_content), RULES, Verdict.GOOD),
    "a colour profile and an output intent": (changed(colour_profile), RULES, Verdict.GOOD),
    "a signature": (changed(signed), RULES, Verdict.GOOD),
    "five incremental updates": (incremental(GOOD, 5), RULES, Verdict.GOOD),
    "an incremental update of a file written by hand": (incremental(small(), 1), DEFAULTS, Verdict.GOOD),
    "3,000 pages": (many_pages(3000), replace(DEFAULTS, max_pages=5000), Verdict.GOOD),
    "a JPEG 2000": (jpeg_2000(), DEFAULTS, Verdict.GOOD),
    "linearized": (changed(linearize=True), RULES, Verdict.GOOD),
    "object streams": (changed(object_stream_mode=pikepdf.ObjectStreamMode.generate), RULES, Verdict.GOOD),
    "PDF 2.0": (changed(force_version="2.0"), RULES, Verdict.GOOD),
    "text in a font that is not embedded": (small(), DEFAULTS, Verdict.GOOD),
    "an image of 75 dpi": (changed(enlarged), DEFAULTS, Verdict.GOOD),
}
"""Printed well by every printer, and held before."""


def inspect(tmp_path: Path, content: bytes, rules: Rules, kind: str, record: Record) -> Inspection:
    file = tmp_path / "file.pdf"
    file.write_bytes(content)
    began = time.perf_counter()
    with file.open("rb") as opened:
        found = inspect_file(opened, rules)
    record("pdf", (kind, str(found.verdict), round(time.perf_counter() - began, 3)))
    return found


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_would_be_lost_in_print_is_unusable(tmp_path: Path, kind: str, record_property: Record) -> None:
    content, code = DAMAGE[kind]
    found = inspect(tmp_path, content, DEFAULTS, kind, record_property)
    assert found.verdict is Verdict.UNUSABLE, found
    assert code in {problem.code for problem in found.problems}, found


@pytest.mark.parametrize("kind", PRINTABLE)
def test_what_prints_well_is_not_held(tmp_path: Path, kind: str, record_property: Record) -> None:
    content, rules, verdict = PRINTABLE[kind]
    found = inspect(tmp_path, content, rules, kind, record_property)
    assert found.verdict is verdict, found


@pytest.mark.parametrize("name", [b"/F\xc4\xe3", b"/F#", b"/F#00x", b"/F#C4#E3", b"/F\x01", b"/"])
def test_whatever_a_name_holds_its_problem_can_be_stored_and_shown(tmp_path: Path, name: bytes) -> None:
    file = tmp_path / "file.pdf"
    file.write_bytes(small(b"BT %s 12 Tf (x) Tj %s Do ET" % (name, name), name=name))
    with file.open("rb") as opened:
        found = inspect_file(opened, RULES)
    for problem in found.problems:
        assert "\0" not in problem.detail
        problem.detail.encode("utf-8")


def test_text_that_no_database_takes_is_escaped_and_all_else_is_as_it_was() -> None:
    assert storable("a\0b\ud800") == r"a\x00b\ud800"
    assert storable(b"caf\xe9") == r"caf\xe9"
    assert storable("café\n") == "café\n"
    assert re.fullmatch(r"[^\0]*", storable("".join(map(chr, range(0x3000)))))


def test_a_checked_image_may_be_of_any_kind(tmp_path: Path) -> None:
    for mode, kind in (("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "JPEG"), ("1", "PNG")):
        target = io.BytesIO()
        Image.new(mode, (64, 64)).save(target, kind)
        if kind == "JPEG":
            entries = {"Width": 64, "Height": 64}
            assert (
                inspect(tmp_path, with_image(target.getvalue(), **entries), DEFAULTS, mode, lambda *_: None).verdict
                is Verdict.GOOD
            )
