"""PDFs for tests: one that can be printed, and ways to spoil it."""

import io
from collections.abc import Callable

import pikepdf

from printflow_reliability.pdf.inspection import Rules
from printflow_reliability.sandbox import pdfs

RULES = Rules(max_bytes=50_000_000, max_pages=100, min_dpi=150, require_embedded_fonts=True, require_trim_box=False)
GOOD = pdfs.print_pdf(1, pages=2)


def changed(change: Callable[[pikepdf.Pdf], None] | None = None, **save: object) -> bytes:
    """The good PDF with something changed in it, or in how it is saved."""
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(GOOD)) as pdf:
        if change:
            change(pdf)
        pdf.save(target, **save)  # type: ignore[arg-type]
    return target.getvalue()
