"""The sandbox's print files are what a print shop would accept: boxes, embedded fonts, images at 300 DPI."""

import io

import pikepdf
import pytest

from printflow_reliability.sandbox import pdfs

POINTS_PER_INCH = 72
JPEG = b"\xff\xd8\xff"


@pytest.fixture(params=[0, 1], ids=["business card", "flyer"])
def pdf(request: pytest.FixtureRequest) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(pdfs.print_pdf(request.param, pages=2)), attempt_recovery=False)


def test_a_print_file_is_sound_and_has_its_pages(pdf: pikepdf.Pdf) -> None:
    assert len(pdf.pages) == 2
    assert pdf.check_pdf_syntax() == []
    assert pdf.get_warnings() == []


def test_the_trim_lies_within_the_bleed_by_3_mm_on_each_side(pdf: pikepdf.Pdf) -> None:
    for page in pdf.pages:
        trim, bleed = ([float(side) for side in page.obj[name]] for name in ("/TrimBox", "/BleedBox"))
        margins = [trim[0] - bleed[0], trim[1] - bleed[1], bleed[2] - trim[2], bleed[3] - trim[3]]
        assert margins == [pytest.approx(pdfs.BLEED, abs=0.001)] * 4
        assert [float(side) for side in page.mediabox] == pytest.approx(bleed, abs=0.001)


def test_every_font_is_embedded(pdf: pikepdf.Pdf) -> None:
    fonts = [font for page in pdf.pages for font in page.resources["/Font"].values() if font.BaseFont != "/Helvetica"]
    assert fonts
    assert all("/FontFile2" in font.FontDescriptor for font in fonts)


def test_the_image_covers_the_page_at_300_dpi(pdf: pikepdf.Pdf) -> None:
    for page in pdf.pages:
        (image,) = page.get_images().values()
        width, height = (float(side) / POINTS_PER_INCH for side in page.mediabox[2:])
        assert int(image.Width) / width == pytest.approx(pdfs.DPI, rel=0.01)
        assert int(image.Height) / height == pytest.approx(pdfs.DPI, rel=0.01)


def test_the_same_number_gives_the_same_bytes_and_another_number_others() -> None:
    assert pdfs.print_pdf(7, pages=2) == pdfs.print_pdf(7, pages=2)
    assert pdfs.print_pdf(7) != pdfs.print_pdf(8)
    assert pdfs.picture(3) == pdfs.picture(3)
    assert pdfs.picture(3).startswith(JPEG)
