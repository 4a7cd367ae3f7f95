"""Damage of a file and of its structure that a renderer prints without a word.

The table at the end of the run shows kind, verdict and seconds.
"""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Name

from printflow_reliability.pdf.inspect import inspect_file
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.sandbox.pdfs import print_pdf
from printflow_reliability.text import storable
from printflow_reliability_tests.pdf.files import (
    AS_IT_IS,
    DEFAULTS,
    GOOD,
    RULES,
    Record,
    changed,
    emptied,
    flate,
    inspect,
    jpeg,
    small,
)


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


def boxed(**sides: list[int]) -> bytes:
    def change(pdf: pikepdf.Pdf) -> None:
        for box, values in sides.items():
            pdf.pages[0].obj[f"/{box}"] = values

    return changed(change)


def xfa(pdf: pikepdf.Pdf) -> None:
    pdf.Root.AcroForm = pikepdf.Dictionary(XFA=pdf.make_stream(b"<xdp/>"), Fields=pikepdf.Array())
    pdf.Root.NeedsRendering = True


def with_font_file(change: Callable[[bytes], bytes]) -> bytes:
    """The good PDF whose font files are changed."""

    def changed_files(pdf: pikepdf.Pdf) -> None:
        for found in pdf.objects:
            if isinstance(found, pikepdf.Dictionary) and Name.FontFile2 in found:
                found.FontFile2.write(change(found.FontFile2.read_bytes()))

    return changed(changed_files)


def with_entry(owner: Callable[[pikepdf.Pdf], pikepdf.Object], key: str, value: object) -> bytes:
    """The good PDF with another value in an object."""

    def change(pdf: pikepdf.Pdf) -> None:
        owner(pdf)[key] = value(pdf) if callable(value) else value

    return changed(change, **AS_IT_IS)


def first_page(pdf: pikepdf.Pdf) -> pikepdf.Object:
    return pdf.pages[0].obj


def page_tree(pdf: pikepdf.Pdf) -> pikepdf.Object:
    return pdf.Root.Pages


def used_font(pdf: pikepdf.Pdf) -> pikepdf.Object:
    fonts = pdf.pages[0].obj.Resources.Font
    return next(font for font in fonts.values() if Name.FontDescriptor in font)


def drawn(category: str, resource: Callable[[pikepdf.Pdf], pikepdf.Object], content: bytes) -> bytes:
    """The good PDF with a resource X, and an instruction that uses it."""

    def change(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].obj.Resources[category] = pikepdf.Dictionary(X=resource(pdf))
        pdf.pages[0].obj.Contents = pdf.make_stream(content)

    return changed(change, **AS_IT_IS)


def split_within_an_operator(pdf: pikepdf.Pdf) -> None:
    content = pdf.pages[0].Contents.read_bytes()
    middle = content.index(b"cm") + 1
    pdf.pages[0].obj.Contents = pikepdf.Array([pdf.make_stream(content[:middle]), pdf.make_stream(content[middle:])])


def shading(_: pikepdf.Pdf) -> pikepdf.Object:
    return pikepdf.Dictionary(ShadingType=2, ColorSpace=Name.DeviceRGB)


GARBAGE = random.Random(1).randbytes(3000)
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
    "text in a font that is not there": (without("/Font"), "damaged_page"),
    "a form that is not there": (without("/XObject"), "damaged_page"),
    "page content that is another file's bytes": (emptied(GARBAGE), "damaged_page"),
    "Flate data with a wrong checksum": (flate(lambda packed: packed[:-1] + bytes([packed[-1] ^ 1])), "stream_damaged"),
    "Flate data that is cut": (flate(lambda packed: packed[:-40]), "stream_damaged"),
    "a part of content that is null": (
        with_entry(first_page, "/Contents", lambda pdf: pikepdf.Array([pdf.pages[0].obj.Contents, None])),
        "damaged_page",
    ),
    "content that is a number": (with_entry(first_page, "/Contents", 7), "damaged_page"),
    "content that is a dictionary": (with_entry(first_page, "/Contents", pikepdf.Dictionary()), "damaged_page"),
    "an operator split between two parts of content": (changed(split_within_an_operator), "damaged_page"),
    "resources that are a name": (with_entry(first_page, "/Resources", Name.Lost), "damaged_page"),
    "a size that is text": (with_entry(first_page, "/MediaBox", pikepdf.Array([b"a", 0, 1, 1])), "no_area"),
    "a size of three numbers": (with_entry(first_page, "/MediaBox", [0, 0, 100]), "no_area"),
    "a page tree that is its own kid": (
        with_entry(page_tree, "/Kids", lambda pdf: pikepdf.Array([pdf.Root.Pages])),
        "damaged",
    ),
    "a page tree of fonts": (
        with_entry(page_tree, "/Kids", lambda pdf: pikepdf.Array([used_font(pdf)])),
        "no_area",
    ),
    "an HTML page for a font": (with_font_file(lambda _: b"<html>404 Not Found</html>"), "stream_damaged"),
    "NULs for a font": (with_font_file(lambda data: bytes(len(data))), "stream_damaged"),
    "a font that is cut in half": (with_font_file(lambda data: data[: len(data) // 2]), "stream_damaged"),
    "a font that is cut in its directory": (with_font_file(lambda data: data[:50]), "stream_damaged"),
    "a font without a byte": (with_font_file(lambda _: b""), "stream_damaged"),
    "a font of many bytes whose descendant is gone": (with_entry(used_font, "/Subtype", Name.Type0), "damaged_page"),
    "a CMap that is none": (
        with_entry(used_font, "/Encoding", lambda pdf: pdf.make_stream(b"<html>")),
        "stream_damaged",
    ),
    "a shading without a function": (drawn("/Shading", shading, b"/X sh"), "damaged_page"),
    "a mesh without a byte": (
        drawn("/Shading", lambda pdf: pdf.make_stream(b"", ShadingType=7), b"/X sh"),
        "damaged_page",
    ),
    "a form that does not say that it is one": (
        drawn("/XObject", lambda pdf: pdf.make_stream(b"0 0 9 9 re f", BBox=[0, 0, 9, 9]), b"/X Do"),
        "damaged_page",
    ),
    "a form that is no stream": (
        drawn("/XObject", lambda _: pikepdf.Dictionary(Subtype=Name.Form), b"/X Do"),
        "damaged_page",
    ),
    "a form whose matrix is cut": (
        drawn("/XObject", lambda pdf: pdf.make_stream(b"", Subtype=Name.Form, Matrix=[1, 0]), b"/X Do"),
        "damaged_page",
    ),
    "an inline image with fewer pixels than it says": (
        emptied(b"q 9 0 0 9 0 0 cm BI /W 40 /H 40 /BPC 8 /CS /G ID 0123456789abcdef\nEI Q"),
        "damaged_page",
    ),
    "an inline JPEG that is cut": (
        emptied(b"BI /W 9 /H 9 /BPC 8 /CS /G /F /DCT ID " + jpeg()[:900] + b"\nEI"),
        "damaged_page",
    ),
    "a cipher that nobody knows": (
        changed(encryption=pikepdf.Encryption(owner="o", user="")).replace(b"/Filter /Standard", b"/Filter /Stamdard"),
        "damaged",
    ),
    "a repair that does not find an object": (
        small().replace(b"/Resources", b"/SMask 77 0 R /Resources").replace(b"startxref\n", b"startxref\n9"),
        "objects_missing",
    ),
    "only a header": (b"%PDF-1.4\n", "cut_off"),
    "only a header and an end": (b"%PDF-1.4\n%%EOF\n", "damaged"),
    "upload framing": (framed(GOOD), "upload_framing"),
    "upload framing without signatures": (b"%x\r\n" % len(GOOD) + GOOD + b"\r\n0\r\n\r\n", "upload_framing"),
    "two files joined": (GOOD + GOOD, "joined"),
    "a large and a small file joined": (GOOD + b"\r\n" + small(), "joined"),
    "two files joined by a boundary": (GOOD + b"\r\n--part\r\nContent-Type: application/pdf\r\n\r\n" + GOOD, "joined"),
    "a page without area": (boxed(MediaBox=[0, 0, 0, 0]), "no_area"),
    "a crop box beside the page": (boxed(CropBox=[9000, 9000, 9100, 9100]), "no_area"),
    "a form that asks to wait": (changed(xfa), "xfa_form"),
    "a repair that loses pages": (
        changed(object_stream_mode=pikepdf.ObjectStreamMode.disable).replace(b"/Count 2", b"/Count 9"),
        "pages_missing",
    ),
}
"""Called good by readers, and printed with something missing: each, and the code of its problem."""


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_would_be_lost_in_print_is_unusable(tmp_path: Path, kind: str, record_property: Record) -> None:
    content, code = DAMAGE[kind]
    found = inspect(tmp_path, content, DEFAULTS, kind, record_property)
    assert found.verdict is Verdict.UNUSABLE, found
    assert code in {problem.code for problem in found.problems}, found


TRANSFERS: dict[str, Callable[[bytes], bytes]] = {
    "line feeds made carriage return and line feed": lambda data: data.replace(b"\n", b"\r\n"),
    "carriage returns dropped": lambda data: data.replace(b"\r", b""),
    "carriage returns made line feeds": lambda data: data.replace(b"\r", b"\n"),
    "seven bits of eight": lambda data: bytes(byte & 127 for byte in data),
    "recoded as UTF-8": lambda data: data.decode("latin-1").encode(),
    "recoded as UTF-8 with replacements": lambda data: data.decode(errors="replace").encode(),
    "bytes that are no UTF-8 dropped": lambda data: data.decode(errors="ignore").encode(),
    "a question mark for each byte that is no ASCII": lambda data: data.decode("ascii", "replace").encode(
        errors="replace"
    ),
    "NULs dropped": lambda data: data.replace(b"\0", b""),
    "NULs made spaces": lambda data: data.replace(b"\0", b" "),
    "a block lost": lambda data: data[:8192] + data[12288:],
    "two blocks swapped": lambda data: data[:4096] + data[8192:12288] + data[4096:8192] + data[12288:],
    "a hole in an image": lambda data: data[:8192] + bytes(4096) + data[12288:],
    "a hole at the beginning": lambda data: bytes(4096) + data[4096:],
    "a hole up to the end": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "a hole up to the trailer": lambda data: data[: len(data) // 2] + bytes(len(data) // 2) + data[-600:],
    "a byte lost in an image": lambda data: data[:9000] + data[9001:],
    "64 bytes twice in an image": lambda data: data[:9064] + data[9000:],
    "the beginning lost": lambda data: data[5000:],
    "the beginning replaced by a header": lambda data: b"%PDF-1.4\n" + data[5000:],
    "the end of another file": lambda data: data[: len(data) // 2] + print_pdf(7, pages=2)[len(data) // 2 :],
    "half of it again behind the whole": lambda data: data + data[: len(data) // 2],
}
"""What uploads, mail gateways, disks and programs do to bytes."""
LAYOUTS = {
    "plain": GOOD,
    "in object streams": changed(object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "linearized": changed(linearize=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", TRANSFERS)
def test_what_a_transfer_has_changed_is_unusable(
    tmp_path: Path, kind: str, layout: str, record_property: Record
) -> None:
    content = TRANSFERS[kind](LAYOUTS[layout])
    found = inspect(tmp_path, content, DEFAULTS, f"{kind}, {layout}", record_property)
    assert found.verdict is Verdict.UNUSABLE, found


@pytest.mark.parametrize("place", range(10))
def test_a_hole_of_a_disk_block_is_unusable_wherever_it_is(tmp_path: Path, place: int) -> None:
    start = len(GOOD) * place // 10 // 4096 * 4096
    content = GOOD[:start] + bytes(4096) + GOOD[start + 4096 :]
    assert inspect(tmp_path, content, DEFAULTS, "", lambda *_: None).verdict is Verdict.UNUSABLE


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
