"""What the inspection says of good files, of spoiled ones, and of hostile ones."""

from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pikepdf import Name

from printflow_reliability.pdf.inspect import inspect_file
from printflow_reliability.pdf.inspection import Inspection, Rules, Verdict, concluded, from_json
from printflow_reliability.sandbox import pdfs
from printflow_reliability_tests.pdf.files import GOOD, RULES, changed


def inspect(tmp_path: Path, content: bytes, rules: Rules = RULES) -> Inspection:
    file = tmp_path / "file.pdf"
    file.write_bytes(content)
    with file.open("rb") as opened:
        return inspect_file(opened, rules)


def codes(inspection: Inspection) -> list[str]:
    return [problem.code for problem in inspection.problems]


@pytest.mark.parametrize("number", range(4))
def test_what_the_sandbox_prints_is_good(tmp_path: Path, number: int) -> None:
    found = inspect(tmp_path, pdfs.print_pdf(number, pages=3))

    assert (found.verdict, found.pages, found.problems) == (Verdict.GOOD, 3, ())
    assert from_json(found.as_json()) == found


def test_junk_before_the_header_and_after_the_end_is_common_in_good_files(tmp_path: Path) -> None:
    assert inspect(tmp_path, GOOD + b"\r\n\r\n").verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html>502 Bad Gateway</html>", "an HTML page"),
        (b"", "empty"),
        (b"\0" * 4096, "empty"),
        (b"PK\x03\x04 something zipped", "a ZIP file"),
        (b"\x1f\x8b\x08 packed on its way", "a gzip file"),
        (b"JVBERi0xLjQK", "a PDF in Base64"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an error message of a store"),
        (b"notes", "something else"),
    ],
)
def test_what_is_no_pdf_is_unusable_and_says_what_it_is(tmp_path: Path, content: bytes, says: str) -> None:
    found = inspect(tmp_path, content)

    assert (found.verdict, codes(found)) == (Verdict.UNUSABLE, ["not_a_pdf"])
    assert says in found.reason


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_unusable_even_where_a_repair_gives_its_full_page_count(
    tmp_path: Path, kept: float
) -> None:
    found = inspect(tmp_path, GOOD[: int(len(GOOD) * kept)])

    assert (found.verdict, codes(found)) == (Verdict.UNUSABLE, ["cut_off"])


def test_a_broken_cross_reference_opens_only_with_repair(tmp_path: Path) -> None:
    start = GOOD.rindex(b"startxref")
    found = inspect(tmp_path, GOOD[:start] + b"startxref\n17\n%%EOF\n")

    assert found.verdict is Verdict.REPAIRABLE
    assert "repaired" in codes(found)
    assert found.pages == 2


def test_encryption_without_permission_to_print_is_unusable_and_with_it_is_not(tmp_path: Path) -> None:
    def encrypted(*, may_print: bool, user: str = "") -> bytes:
        allow = pikepdf.Permissions(print_highres=may_print)
        return changed(encryption=pikepdf.Encryption(owner="owner", user=user, allow=allow))

    assert inspect(tmp_path, encrypted(may_print=True)).verdict is Verdict.GOOD
    assert codes(inspect(tmp_path, encrypted(may_print=False))) == ["encrypted"]
    assert codes(inspect(tmp_path, encrypted(may_print=True, user="secret"))) == ["encrypted"]


def test_no_pages_and_too_many_of_them_are_unusable(tmp_path: Path) -> None:
    def emptied(pdf: pikepdf.Pdf) -> None:
        del pdf.pages[:]

    assert codes(inspect(tmp_path, changed(emptied))) == ["no_pages"]
    assert codes(inspect(tmp_path, GOOD, replace(RULES, max_pages=1))) == ["too_many_pages"]
    assert codes(inspect(tmp_path, GOOD, replace(RULES, max_bytes=1000))) == ["too_large"]


def test_an_image_counts_with_the_resolution_at_which_it_is_placed(tmp_path: Path) -> None:
    def enlarged(pdf: pikepdf.Pdf) -> None:
        for page in pdf.pages:
            page.contents_add(b"4 0 0 4 0 0 cm", prepend=True)

    found = inspect(tmp_path, changed(enlarged))

    assert found.verdict is Verdict.UNPRINTABLE
    assert set(codes(found)) == {"low_resolution"}
    assert "75 dpi, at least 150 are needed" in found.reason
    assert inspect(tmp_path, changed(enlarged), replace(RULES, min_dpi=70)).verdict is Verdict.GOOD


def test_an_image_in_a_form_is_found_too(tmp_path: Path) -> None:
    def formed(pdf: pikepdf.Pdf) -> None:
        page = pdf.pages[0]
        form = pdf.make_stream(page.Contents.read_bytes(), Type=Name.XObject, Subtype=Name.Form, BBox=page.mediabox)
        form.Resources = page.resources
        form.Matrix = [3, 0, 0, 3, 0, 0]
        page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm0=form))
        page.obj.Contents = pdf.make_stream(b"/Fm0 Do")

    assert "100 dpi" in inspect(tmp_path, changed(formed)).reason


def test_a_form_that_draws_itself_ends_with_a_verdict(tmp_path: Path) -> None:
    def endless(pdf: pikepdf.Pdf) -> None:
        form = pdf.make_stream(b"/Fm0 Do", Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 10, 10])
        form = pdf.make_indirect(form)
        form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Fm0=form))
        pdf.pages[0].obj.Resources = form.Resources
        pdf.pages[0].obj.Contents = pdf.make_stream(b"/Fm0 Do")

    assert codes(inspect(tmp_path, changed(endless))) == ["damaged_page"]


def test_text_in_a_font_that_is_not_embedded_is_unprintable_and_the_rule_can_be_waived(tmp_path: Path) -> None:
    def foreign(pdf: pikepdf.Pdf) -> None:
        helvetica = pikepdf.Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        pdf.pages[0].resources.Font["/F9"] = pdf.make_indirect(helvetica)
        pdf.pages[0].contents_add(b"BT /F9 12 Tf 20 20 Td (text) Tj ET")

    found = inspect(tmp_path, changed(foreign))

    assert (found.verdict, codes(found)) == (Verdict.UNPRINTABLE, ["font_not_embedded"])
    assert "Helvetica" in found.reason
    assert inspect(tmp_path, changed(foreign), replace(RULES, require_embedded_fonts=False)).verdict is Verdict.GOOD


def test_trim_boxes_must_lie_in_the_media_and_be_there_where_that_is_a_rule(tmp_path: Path) -> None:
    def without(pdf: pikepdf.Pdf) -> None:
        for page in pdf.pages:
            del page.obj[Name.TrimBox]

    def outside(pdf: pikepdf.Pdf) -> None:
        pdf.pages[1].obj.TrimBox = [0, 0, 5000, 5000]

    strict = replace(RULES, require_trim_box=True)
    assert inspect(tmp_path, GOOD, strict).verdict is Verdict.GOOD
    assert inspect(tmp_path, changed(without)).verdict is Verdict.GOOD
    assert set(codes(inspect(tmp_path, changed(without), strict))) == {"trim_box_missing"}
    assert codes(inspect(tmp_path, changed(outside))) == ["trim_box_outside"]


def test_the_worst_problem_gives_the_verdict_and_is_said_first() -> None:
    from printflow_reliability.pdf.inspection import Problem

    both = concluded([Problem("warnings", "odd"), Problem("no_pages", "it has no pages")])

    assert both.verdict is Verdict.UNUSABLE
    assert both.reason.startswith("it has no pages")


def test_other_rules_have_another_fingerprint() -> None:
    assert RULES.fingerprint != replace(RULES, min_dpi=151).fingerprint


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=40))
def test_a_spoiled_file_has_a_verdict_or_raises_nothing_but_what_the_worker_expects(
    tmp_path: Path, spoils: list[tuple[int, int]]
) -> None:
    content = bytearray(GOOD)
    for place, byte in spoils:
        content[place] = byte

    try:
        found = inspect(tmp_path, bytes(content))
    except (pikepdf.PdfError, RuntimeError, ValueError, TypeError, AttributeError, KeyError) as error:
        pytest.fail(f"the inspection raised {error!r}")
    assert found.verdict in Verdict
