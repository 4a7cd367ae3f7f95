"""Content streams: what no printer understands is lost, wherever it is drawn; what is odd is not held."""

import random
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name

from printflow_reliability.pdf.content import OPERANDS
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability_tests.pdf.files import DEFAULTS, GOOD, Record, changed, emptied, inspect, jpeg, small

EVERY_BYTE = bytes(range(1, 256))
PAGE = b"<!DOCTYPE html><html><body><h1>404 Not Found</h1><p>The file is gone.</p></body></html>"
BOX = [0, 0, 20, 20]
NOT_CONTENT: dict[str, bytes] = {
    "every byte once": EVERY_BYTE,
    "another file's bytes": random.Random(1).randbytes(3000),
    "a few random bytes": random.Random(2).randbytes(12),
    "an HTML page": PAGE,
    "an HTML page's end": PAGE[-40:],
    "a JPEG": jpeg(),
    "JSON": b'{"error": "not found", "code": 404}',
    "a store's error": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "English": b"The quick brown fox jumps over the lazy dog",
    "a whole PDF": GOOD,
    "Base64": b"cSAxIDAgMCAxIDAgMCBjbSAvSW0wIERvIFEK",
    "UTF-16": "q 1 0 0 1 0 0 cm Q".encode("utf-16-le").replace(b"\0", b"\x01"),
    "PostScript": b"%!PS\nnewpath 100 200 moveto 200 250 lineto stroke showpage",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="10"/></svg>',
    "an operator in capitals": b"0 0 10 10 RE F",
    "an operator with a byte too many": b"0 0 10 10 re\x80 f",
    "two operators run together": b"0 0 10 10 re f Qq",
    "an operator without its operands": b"0 10 10 re f",
    "numbers in the place of operators": b"0 0 10 10 10 11 12",
    "text that is cut off": b"BT /F1 12 Tf (The quick bro",
    "hexadecimal text that is cut off": b"BT /F1 12 Tf <004800",
    "an array that is cut off": b"BT /F1 12 Tf [(The) 20 (qui",
    "a dictionary that is cut off": b"/Span << /MCID 1",
    "an inline image that is cut off": b"q 9 0 0 9 0 0 cm BI /W 9 /H 9 /BPC 8 /CS /G ID \x01\x02\x03",
    "an inline image that is cut off in its head": b"q 9 0 0 9 0 0 cm BI /W 9 /H 9 /BP",
    "what only a later PDF knows": b"0 0 10 10 re f 1 frobnicate",
}
"""None of it is content; each is tried as the content of a page, and of whatever else draws."""


def in_form(content: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].obj.Resources.XObject["/Fm"] = form(pdf, content)
        pdf.pages[0].contents_add(b"q /Fm Do Q")

    return change


def in_form_of_form(content: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        outer = form(pdf, b"/Inner Do")
        outer.Resources = Dictionary(XObject=Dictionary(Inner=form(pdf, content)))
        pdf.pages[0].obj.Resources.XObject["/Fm"] = outer
        pdf.pages[0].contents_add(b"q /Fm Do Q")

    return change


def in_pattern(content: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        tile = pdf.make_stream(content, Type=Name.Pattern, PatternType=1, PaintType=1, TilingType=1, BBox=BOX)
        tile.XStep, tile.YStep, tile.Resources = 20, 20, Dictionary()
        pdf.pages[0].obj.Resources.Pattern = Dictionary(P1=tile)
        pdf.pages[0].contents_add(b"/Pattern cs /P1 scn 0 0 50 50 re f")

    return change


def in_glyph(content: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        font = Dictionary(Type=Name.Font, Subtype=Name.Type3, FontBBox=BOX, FontMatrix=[0.1, 0, 0, 0.1, 0, 0])
        font.CharProcs = Dictionary(square=pdf.make_stream(content))
        font.Encoding = Dictionary(Type=Name.Encoding, Differences=[97, Name.square])
        font.FirstChar, font.LastChar, font.Widths = 97, 97, [10]
        pdf.pages[0].obj.Resources.Font["/T3"] = pdf.make_indirect(font)
        pdf.pages[0].contents_add(b"BT /T3 12 Tf (aaa) Tj ET")

    return change


def in_soft_mask(content: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        group = form(pdf, content)
        group.Group = Dictionary(S=Name.Transparency, CS=Name.DeviceGray)
        mask = Dictionary(Type=Name.Mask, S=Name.Luminosity, G=group)
        pdf.pages[0].obj.Resources.ExtGState = Dictionary(GS1=Dictionary(SMask=mask))
        pdf.pages[0].contents_add(b"q /GS1 gs 0 0 50 50 re f Q")

    return change


def in_annotation(content: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        stamp = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=BOX, F=4)
        stamp.AP = Dictionary(N=form(pdf, content))
        pdf.pages[0].obj.Annots = Array([pdf.make_indirect(stamp)])

    return change


def in_part(content: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        before = pdf.pages[0].obj.Contents
        pdf.pages[0].obj.Contents = Array([before, pdf.make_stream(content), pdf.make_stream(b"0 0 9 9 re f")])

    return change


def form(pdf: pikepdf.Pdf, content: bytes) -> pikepdf.Stream:
    return pdf.make_stream(content, Type=Name.XObject, Subtype=Name.Form, BBox=BOX)


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "a page": emptied,
    "a part of a page's content": lambda content: changed(in_part(content)),
    "a form": lambda content: changed(in_form(content)),
    "a form in a form": lambda content: changed(in_form_of_form(content)),
    "a pattern": lambda content: changed(in_pattern(content)),
    "a glyph": lambda content: changed(in_glyph(content)),
    "a soft mask": lambda content: changed(in_soft_mask(content)),
    "an annotation that is printed": lambda content: changed(in_annotation(content)),
}


@pytest.mark.parametrize("kind", NOT_CONTENT)
def test_a_page_that_holds_no_content_is_damage(tmp_path: Path, kind: str, record_property: Record) -> None:
    found = inspect(tmp_path, emptied(NOT_CONTENT[kind]), DEFAULTS, f"page content that is {kind}", record_property)
    assert found.verdict is Verdict.UNUSABLE, found
    assert {problem.code for problem in found.problems} <= {"damaged_page", "content_missing", "warnings"}, found


@pytest.mark.parametrize("place", PLACES)
def test_wherever_content_is_drawn_its_damage_is_found(tmp_path: Path, place: str, record_property: Record) -> None:
    for kind, content in {"every byte": EVERY_BYTE, "a web page": PAGE, "a part": b"0 0 9 9 re f (cut"}.items():
        found = inspect(tmp_path, PLACES[place](content), DEFAULTS, f"{kind} for {place}", record_property)
        assert found.verdict is Verdict.UNUSABLE, found
    sound = inspect(tmp_path, PLACES[place](b"0 0 9 9 re f"), DEFAULTS, f"content of {place}", record_property)
    assert sound.verdict is Verdict.GOOD, sound


def test_what_damaged_content_is_said_to_be(tmp_path: Path) -> None:
    def reason(content: bytes) -> str:
        return inspect(tmp_path, emptied(content), DEFAULTS, "", lambda *_: None).reason

    assert "its content is an HTML page" in reason(PAGE)
    assert "its content is a JPEG" in reason(jpeg())
    assert 'its content holds "frobnicate", which is no instruction' in reason(b"1 frobnicate")
    assert "its content lacks operands of re" in reason(b"0 9 9 re f")
    assert "its content is cut off" in reason(b"(cut")


NOT_THERE: dict[str, bytes] = {
    "a graphics state": b"/GS9 gs 0 0 9 9 re f",
    "a colour space": b"/CS9 cs 1 scn 0 0 9 9 re f",
    "a colour space for lines": b"/CS9 CS 1 SCN 0 0 m 9 9 l S",
    "a pattern": b"/Pattern cs /P9 scn 0 0 9 9 re f",
    "a shading": b"/Sh9 sh",
    "an image": b"/Im9 Do",
    "a font": b"BT /F9 9 Tf (x) Tj ET",
}


@pytest.mark.parametrize("kind", NOT_THERE)
def test_a_page_that_names_what_is_not_there_is_damage(tmp_path: Path, kind: str, record_property: Record) -> None:
    found = inspect(tmp_path, emptied(NOT_THERE[kind]), DEFAULTS, f"{kind} that is not there", record_property)
    assert (found.verdict, [problem.code for problem in found.problems]) == (Verdict.UNUSABLE, ["damaged_page"]), found


UNDERSTOOD: dict[str, tuple[bytes, Verdict]] = {
    "an unknown operator within BX and EX": (b"0 0 9 9 re f BX 1 frobnicate EX", Verdict.GOOD),
    "operators without white space": (b"q 1 0 0 1 0 0 cm/F1 12 Tf[(a)3(b)]TJ 0 0 9 9 re f Q", Verdict.GOOD),
    "comments between": (b"% frobnicate (\n0 0 9 9 re % in between\nf", Verdict.GOOD),
    "carriage returns alone": (b"0 0 9 9 re\rf\r", Verdict.GOOD),
    "NULs between": (b"0 0 9 9 re\0\0f\0", Verdict.GOOD),
    "numbers with signs and points": (b"+.5 -.5 5. 00009 re f", Verdict.GOOD),
    "colours of any space": (b"0.1 0.2 0.3 sc 0 0 9 9 re f", Verdict.GOOD),
    "an old way to fill": (b"0 0 9 9 re F", Verdict.GOOD),
    "a state that is never restored": (b"q q q 0 0 9 9 re f", Verdict.GOOD),
    "a state that is restored too often": (b"0 0 9 9 re f Q Q", Verdict.GOOD),
    "marked content without its properties": (b"/OC /MC9 BDC 0 0 9 9 re f EMC", Verdict.GOOD),
    "an inline image": (
        b"q 9 0 0 9 0 0 cm BI /W 4 /H 4 /BPC 8 /CS /G ID 0123456789abcdef\nEI Q",
        Verdict.GOOD,
    ),
    "an inline image that holds EI": (
        b"q 9 0 0 9 0 0 cm BI /W 4 /H 4 /BPC 8 /CS /G ID 0123 EI 89abcdef\nEI Q",
        Verdict.GOOD,
    ),
    "exponents in numbers": (b"1e1 0 9 9 re f", Verdict.REPAIRABLE),
    "two signs": (b"--5 0 9 9 re f", Verdict.REPAIRABLE),
    "a sign within a number": (b"0.00-35 0 9 9 re f", Verdict.REPAIRABLE),
    "no number": (b"nan 0 9 9 re f", Verdict.REPAIRABLE),
    "an infinite number": (b"-inf 0 9 9 re f", Verdict.REPAIRABLE),
    "Microsoft's infinite number": (b"1.#INF 0 9 9 re f", Verdict.REPAIRABLE),
    "a malformed number before a matrix": (b"1 0 0 1 1e1 0 cm 0 0 9 9 re f", Verdict.REPAIRABLE),
    "a number behind the last instruction": (b"0 0 9 9 re f\n23167\r\n", Verdict.REPAIRABLE),
    "more operands than are needed": (b"7 7 0 0 9 9 re f 7 7 1 0 0 1 0 0 cm", Verdict.GOOD),
}


@pytest.mark.parametrize("kind", UNDERSTOOD)
def test_content_that_printers_understand_is_not_held(tmp_path: Path, kind: str, record_property: Record) -> None:
    content, verdict = UNDERSTOOD[kind]
    found = inspect(tmp_path, small(content), DEFAULTS, f"content with {kind}", record_property)
    assert found.verdict is verdict, found


@pytest.mark.parametrize(
    ("content", "verdict"),
    [(b"q Q", Verdict.UNUSABLE), (b"% nothing\n", Verdict.UNUSABLE), (b"0 0 9 9 re n", Verdict.UNUSABLE)],
)
def test_a_document_whose_pages_paint_nothing_is_blank(tmp_path: Path, content: bytes, verdict: Verdict) -> None:
    found = inspect(tmp_path, small(content), DEFAULTS, "", lambda *_: None)
    assert (found.verdict, [problem.code for problem in found.problems]) == (verdict, ["blank"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=24, max_size=200).map(lambda rest: b"\x80" + rest))
def test_random_bytes_are_never_content(tmp_path: Path, content: bytes) -> None:
    """The first of them begins no operator; white space with a single letter might be content."""
    found = inspect(tmp_path, small(content), DEFAULTS, "", lambda *_: None)
    assert found.verdict is Verdict.UNUSABLE, found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            sorted(OPERANDS.keys() - {b"Do", b"gs", b"cs", b"CS", b"sh", b"scn", b"SCN", b"Tf", b"INLINE IMAGE"})
        ),
        min_size=1,
    )
)
def test_all_operators_with_their_operands_are_content(tmp_path: Path, operators: list[bytes]) -> None:
    content = b"0 0 9 9 re f " + b"\n".join(b"1 " * OPERANDS[operator] + operator for operator in operators)
    found = inspect(tmp_path, small(content), DEFAULTS, "", lambda *_: None)
    assert found.verdict is Verdict.GOOD, found
