"""Files that look odd and print well: none of them is held."""

import io
import re
import zlib
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Name
from PIL import ImageCms

from printflow_reliability.pdf.inspection import Rules, Verdict
from printflow_reliability_tests.pdf.files import (
    AS_IT_IS,
    DEFAULTS,
    GOOD,
    RULES,
    Record,
    changed,
    first_image,
    inspect,
    small,
)


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


def spoiled_beside(kind: str) -> bytes:
    """The good PDF with a Flate stream that is damaged, where no printer looks."""

    def change(pdf: pikepdf.Pdf) -> None:
        packed = zlib.compress(b"not printed" * 50)
        spoiled = pikepdf.Stream(pdf, packed[:-1] + bytes([packed[-1] ^ 1]), Filter=Name.FlateDecode)
        if kind == "thumbnail":
            pdf.pages[0].obj.Thumb = spoiled
        else:
            pdf.Root.Spoiled = spoiled

    return changed(change, **AS_IT_IS)


def shared_resources(pdf: pikepdf.Pdf) -> None:
    """As programs write that give every page the same resources, also a blank one."""
    pdf.pages[0].obj.Resources = pdf.make_indirect(pdf.pages[0].obj.Resources)
    blank = pikepdf.Dictionary(Type=Name.Page, MediaBox=[0, 0, 200, 200], Resources=pdf.pages[0].obj.Resources)
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(blank)))


def attached(pdf: pikepdf.Pdf) -> None:
    for name in ("a.pdf", "b.pdf"):
        pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, GOOD, filename=name)


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
        changed(no_checksum, **AS_IT_IS),
        RULES,
        Verdict.REPAIRABLE,
    ),
    "an attachment or a note with damage": (spoiled_beside("root"), DEFAULTS, Verdict.GOOD),
    "a damaged thumbnail": (spoiled_beside("thumbnail"), DEFAULTS, Verdict.GOOD),
    "a blank page with everybody's resources": (changed(shared_resources), RULES, Verdict.GOOD),
    "attached PDFs that are not packed": (changed(attached, compress_streams=False), RULES, Verdict.GOOD),
    "an inline image": (changed(inline_image), DEFAULTS, Verdict.GOOD),
    "optional content": (changed(optional_content), RULES, Verdict.GOOD),
    "a colour profile and an output intent": (changed(colour_profile), RULES, Verdict.GOOD),
    "a signature": (changed(signed), RULES, Verdict.GOOD),
    "five incremental updates": (incremental(GOOD, 5), RULES, Verdict.GOOD),
    "an incremental update of a file written by hand": (incremental(small(), 1), DEFAULTS, Verdict.GOOD),
    "linearized": (changed(linearize=True), RULES, Verdict.GOOD),
    "object streams": (changed(object_stream_mode=pikepdf.ObjectStreamMode.generate), RULES, Verdict.GOOD),
    "PDF 2.0": (changed(force_version="2.0"), RULES, Verdict.GOOD),
    "text in a font that is not embedded": (small(), DEFAULTS, Verdict.GOOD),
    "an image of 75 dpi": (changed(enlarged), DEFAULTS, Verdict.GOOD),
}


@pytest.mark.parametrize("kind", PRINTABLE)
def test_what_prints_well_is_not_held(tmp_path: Path, kind: str, record_property: Record) -> None:
    content, rules, verdict = PRINTABLE[kind]
    found = inspect(tmp_path, content, rules, kind, record_property)
    assert found.verdict is verdict, found


def test_a_book_of_3000_pages_is_not_held(tmp_path: Path, record_property: Record) -> None:
    found = inspect(tmp_path, many_pages(3000), replace(DEFAULTS, max_pages=5000), "3,000 pages", record_property)
    assert found.verdict is Verdict.GOOD, found
