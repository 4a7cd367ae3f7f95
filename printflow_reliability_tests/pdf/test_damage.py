"""Damage of a file and of its structure that a renderer prints without a word.

The table at the end of the run shows kind, verdict and seconds.
"""

import random
import re
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Name

from printflow_reliability.pdf.inspect import inspect_file
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.text import storable
from printflow_reliability_tests.pdf.files import (
    DEFAULTS,
    GOOD,
    RULES,
    Record,
    changed,
    emptied,
    flate,
    inspect,
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
