"""PDFs for tests: one that can be printed, and ways to spoil it."""

import io
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.inspect import inspect_file
from printflow_reliability.pdf.inspection import Inspection, Rules
from printflow_reliability.pdf.worker import rules_of
from printflow_reliability.sandbox import pdfs
from printflow_reliability.settings import PdfSettings

RULES = Rules(max_bytes=50_000_000, max_pages=100, min_dpi=150, require_embedded_fonts=True, require_trim_box=False)
DEFAULTS = rules_of(PdfSettings())
Record = Callable[[str, object], None]
AS_IT_IS = {"compress_streams": False, "stream_decode_level": pikepdf.StreamDecodeLevel.none}
"""Saves streams with the bytes that they were given."""
GOOD = pdfs.print_pdf(1, pages=2)


def changed(change: Callable[[pikepdf.Pdf], None] | None = None, **save: object) -> bytes:
    """The good PDF with something changed in it, or in how it is saved."""
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(GOOD)) as pdf:
        if change:
            change(pdf)
        pdf.save(target, **save)  # type: ignore[arg-type]
    return target.getvalue()


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

    return changed(replaced, **AS_IT_IS)


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

    return changed(packed, **AS_IT_IS)


def emptied(content: bytes) -> bytes:
    def spoiled(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].obj.Contents = pdf.make_stream(content)

    return changed(spoiled)


def inspect(tmp_path: Path, content: bytes, rules: Rules, kind: str, record: Record) -> Inspection:
    """The verdict on a file, as a row of the table of inspected PDFs."""
    file = tmp_path / "file.pdf"
    file.write_bytes(content)
    began = time.perf_counter()
    with file.open("rb") as opened:
        found = inspect_file(opened, rules)
    record("pdf", (kind, str(found.verdict), round(time.perf_counter() - began, 3)))
    return found
