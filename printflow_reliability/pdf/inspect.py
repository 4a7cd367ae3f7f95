"""Inspecting one PDF. It is untrusted: this code runs in the isolated worker, and nowhere else.

A PDF that opens may still be damaged, since opening repairs quietly: it is opened without repair first, and what a
repair would say is kept as a problem of its own.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pikepdf

from printflow_reliability.pdf.inspection import Inspection, Problem, Rules, concluded
from printflow_reliability.pdf.print_ready import boxes, marks_on

HEAD_BYTES = TAIL_BYTES = 1024
"""Where the header and the end marker are looked for; junk around them is common in good files."""
FLATE_MAX_BYTES = 512 * 1024**2
"""The most that one stream may unpack to."""
SHOWN_WARNINGS = 3


def limit_decoding() -> None:
    """Set the process's limits against streams that unpack without end; call once, before the first file."""
    pikepdf.settings.set_qpdf_limits(flate_max_memory=FLATE_MAX_BYTES, doc_max_warnings=1000)


def inspect_file(path: Path, rules: Rules) -> Inspection:
    """Judge one file by the rules.

    Raises:
        OSError: the file cannot be read at all, so that there is no verdict.
    """
    size = path.stat().st_size
    if size > rules.max_bytes:
        return concluded([Problem("too_large", f"it has {size} bytes, the limit is {rules.max_bytes}")])
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(max(0, size - TAIL_BYTES))
        ends = b"%%EOF" in file.read()
    if b"%PDF-" not in head:
        return concluded([Problem("not_a_pdf", f"it is not a PDF but {_kind(head)}")], sha256=sha256)
    try:
        pdf, repaired = _open(path)
    except pikepdf.PasswordError:
        return concluded([Problem("encrypted", "it is encrypted with a password")], sha256=sha256)
    except pikepdf.PdfError as error:
        code, what = ("cut_off", "it is cut off") if not ends else ("damaged", f"it does not open ({_short(error)})")
        return concluded([Problem(code, what)], sha256=sha256)
    with pdf:
        pages = len(pdf.pages)
        problems = list(_problems(pdf, pages, rules, repaired, ends))
    return concluded(problems, pages=pages, sha256=sha256)


def _open(path: Path) -> tuple[pikepdf.Pdf, str]:
    """The opened PDF, and why it had to be repaired for that; empty where it did not."""
    try:
        return pikepdf.open(path, attempt_recovery=False), ""
    except pikepdf.PasswordError:
        raise
    except pikepdf.PdfError as error:
        return pikepdf.open(path), _short(error)


def _problems(pdf: pikepdf.Pdf, pages: int, rules: Rules, repaired: str, ends: bool) -> Iterator[Problem]:
    if repaired and not ends:
        # A repair of half a file yields its full page count, with blank pages in it.
        yield Problem("cut_off", "it is cut off")
        return
    if repaired:
        yield Problem("repaired", f"it opens only with repair ({repaired})")
    if pdf.is_encrypted and not pdf.allow.print_highres:
        yield Problem("encrypted", "it is encrypted and does not permit printing")
    if pages == 0:
        yield Problem("no_pages", "it has no pages")
        return
    if pages > rules.max_pages:
        yield Problem("too_many_pages", f"it has {pages} pages, the limit is {rules.max_pages}")
        return
    yield from _syntax(pdf)
    for number, page in enumerate(pdf.pages, 1):
        yield from boxes(page, number, required=rules.require_trim_box)
        try:
            yield from marks_on(page, number, min_dpi=rules.min_dpi, embedded=rules.require_embedded_fonts)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # whatever a hostile page makes a parser raise is a property of the page
            yield Problem("damaged_page", f"page {number} cannot be read ({_short(error)})")


def _syntax(pdf: pikepdf.Pdf) -> Iterator[Problem]:
    """What decoding every stream says. Asking for the warnings drains them, so that both lists are put together."""
    said = [*map(str, pdf.get_warnings())]
    try:
        said += pdf.check_pdf_syntax()
    except (pikepdf.PdfError, RuntimeError) as error:
        yield Problem("damaged", f"its content cannot be decoded ({_short(error)})")
        return
    errors = [one for one in said if one.startswith("ERROR")]
    if errors:
        yield Problem("damaged", f"its content is damaged ({_short(errors[0])})")
    elif said:
        more = f" and {len(said) - SHOWN_WARNINGS} more" if len(said) > SHOWN_WARNINGS else ""
        yield Problem("warnings", f"a printer may trip over it ({'; '.join(map(_short, said[:SHOWN_WARNINGS]))}{more})")


def _kind(head: bytes) -> str:
    start = head.lstrip().lower()
    if not head.strip(b"\0 \r\n\t"):
        return "empty"
    return "an HTML page" if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start else "something else"


def _short(error: object) -> str:
    """An error's text as one short line, without the path of the temporary file."""
    text = " ".join(str(error).split()).removeprefix("WARNING: ").removeprefix("ERROR: ")
    head, _, rest = text.partition(": ")
    return (rest if "/" in head and rest else text)[:160]
