"""Inspecting one PDF. It is untrusted: this code runs in the isolated worker, and nowhere else.

A PDF that opens may still be damaged, since opening repairs quietly: it is opened without repair first, and what a
repair would say is kept as a problem of its own.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from os import fstat
from typing import BinaryIO

import pikepdf
from pikepdf.exceptions import DependencyError
from pikepdf.jbig2 import JBIG2DecoderInterface, set_decoder

from printflow_reliability.pdf import framing, streams, structure
from printflow_reliability.pdf.drawing import Drawings
from printflow_reliability.pdf.inspection import Inspection, Problem, Rules, concluded
from printflow_reliability.pdf.print_ready import boxes, marks_on
from printflow_reliability.text import counted

FLATE_MAX_BYTES = 512 * 1024**2
"""The most that one stream may unpack to."""
SHOWN_WARNINGS = 3
CUT_OFF = Problem("cut_off", "it is cut off")
SHIFTED = "expected endstream"
"""A warning that a stream's length is wrong; where the places of objects are too, bytes were lost or added."""
UNSIZED = "MediaBox is undefined"
"""A warning that a page is given a size that nobody chose."""
RECONSTRUCTED = "Attempting to reconstruct cross-reference table"
"""A warning that objects are not where the file says."""
HARMLESS = re.compile(
    "name with stray #"  # names are bytes, and this one is looked up as it stands
    "|Resources is missing or invalid; repairing"  # a blank page needs none
    "|a common error handled correctly by qpdf and most other applications"
    "|duplicated key /(Title|Author|Subject|Keywords|Creator|Producer|CreationDate|ModDate|Trapped|PTEX[.]Fullbanner)"
)
"""Warnings that say nothing of what is printed."""


class NoPrograms(JBIG2DecoderInterface):
    """Stands for the decoder of JBIG2: pikepdf's own runs a program, which an inspection never does."""

    def check_available(self) -> None:
        """Raises:
        DependencyError: always.
        """
        raise DependencyError("JBIG2 is not decoded")

    def decode_jbig2(self, jbig2: bytes, jbig2_globals: bytes) -> bytes:
        """Raises:
        DataDecodingError: always.
        """
        raise pikepdf.DataDecodingError(f"{len(jbig2)} and {len(jbig2_globals)} bytes of JBIG2")


def limit_decoding() -> None:
    """Set the process's limits of what is decoded, and how; call once, before the first file."""
    set_decoder(NoPrograms())
    pikepdf.settings.set_qpdf_limits(flate_max_memory=FLATE_MAX_BYTES, doc_max_warnings=1000)


def inspect_file(file: BinaryIO, rules: Rules) -> Inspection:
    """Judge one open file by the rules.

    Raises:
        OSError: the file cannot be read at all, so that there is no verdict.
    """
    size = fstat(file.fileno()).st_size
    if size > rules.max_bytes:
        return concluded([Problem("too_large", f"it has {size} bytes, the limit is {rules.max_bytes}")])
    if size == 0:
        return concluded([Problem("not_a_pdf", "it is not a PDF but empty")])
    with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        frame = framing.read_frame(content)
        if frame.header is None:
            return concluded([Problem("not_a_pdf", f"it is not a PDF but {framing.kind_of_file(content)}")])
        try:
            pdf, repaired = _open(file)
        except pikepdf.PasswordError:
            return concluded([Problem("encrypted", "it is encrypted with a password")])
        except pikepdf.PdfError as error:
            unopened = Problem("damaged", f"it does not open ({_short(error)})") if frame.ended else CUT_OFF
            return concluded([*frame.problems, unopened])
        with pdf:
            declared = structure.declared_pages(pdf)
            try:
                pages = len(pdf.pages)
            except pikepdf.PdfError as error:
                return concluded([*frame.problems, Problem("damaged", f"its pages cannot be found ({_short(error)})")])
            document = _Document(pdf, pages, declared, repaired, frame.ended, content)
            return concluded([*frame.problems, *_problems(document, rules)], pages=pages)


@dataclass(frozen=True)
class _Document:
    """An opened PDF.

    Attributes:
        pages: how many there are.
        declared: how many it says that there are.
        repaired: why it had to be repaired in order to open; empty where it did not.
        ended: whether an end marker comes after the last object.
        content: its bytes.
    """

    pdf: pikepdf.Pdf
    pages: int
    declared: int | None
    repaired: str
    ended: bool
    content: mmap


def _open(file: BinaryIO) -> tuple[pikepdf.Pdf, str]:
    """The opened PDF, and why it had to be repaired for that; empty where it did not.

    Also of a PDF that opens, single objects may have to be repaired when they are read; a warning then says so.
    """
    repaired = ""
    try:
        _open_document(file, attempt_recovery=False).close()
    except pikepdf.PasswordError:
        raise
    except pikepdf.PdfError as error:
        repaired = _short(error)
    file.seek(0)
    return _open_document(file, attempt_recovery=True), repaired


def _open_document(file: BinaryIO, *, attempt_recovery: bool) -> pikepdf.Pdf:
    # To hand attributes down the page tree, pikepdf would mend that tree first, and its page count with it.
    return pikepdf.open(file, attempt_recovery=attempt_recovery, inherit_page_attributes=False)


def _problems(document: _Document, rules: Rules) -> Iterator[Problem]:
    pdf, pages = document.pdf, document.pages
    if document.repaired and not document.ended:
        # A repair of half a file yields its full page count, with blank pages in it.
        yield CUT_OFF
        return
    if pdf.is_encrypted and not pdf.allow.print_highres:
        yield Problem("encrypted", "it is encrypted and does not permit printing")
    if pages == 0:
        yield Problem("no_pages", "it has no pages")
        return
    if pages > rules.max_pages:
        yield Problem("too_many_pages", f"it has {pages} pages, the limit is {rules.max_pages}")
        return
    yield from structure.page_tree(pages, document.declared, repaired=bool(document.repaired))
    drawings = Drawings(pdf)
    yield from _of_pages(pdf, drawings, rules)
    yield from streams.damaged_streams(pdf)
    yield from structure.forms(pdf)
    said = [*drawings.oddities, *pdf.get_warnings()]
    yield from _repairs(document, said)
    yield from _oddities(said)


def _repairs(document: _Document, said: Sequence[str]) -> Iterator[Problem]:
    """A repair, and whether it is proven that nothing was lost by it."""
    if document.repaired:
        yield Problem("repaired", f"it opens only with repair ({document.repaired})")
    elif any(RECONSTRUCTED in line for line in said):
        yield Problem("repaired", "objects of it are found only by searching the file") if document.ended else CUT_OFF
    else:
        return
    if any(SHIFTED in line for line in said):
        yield Problem("bytes_shifted", "bytes were lost or added within it: a stream does not end where it says")
    lost = structure.lost_objects(document.pdf, framing.references(document.content))
    if lost:
        yield Problem("objects_missing", f"{counted(lost, 'object')} that it refers to could not be found again")


def _of_pages(pdf: pikepdf.Pdf, drawings: Drawings, rules: Rules) -> Iterator[Problem]:
    """Problems of each page, and those that only all pages together show."""
    users = structure.users_of_resources(pdf)
    blank: list[int] = []
    lost: list[int] = []
    for number, page in enumerate(pdf.pages, 1):
        try:
            yield from boxes(page, number, required=rules.require_trim_box)
            drawing = drawings.of_page(page)
            if not drawing.paints and not structure.has_annotations(page):
                blank.append(number)
                if structure.lost_content(page, users):
                    lost.append(number)
            yield from marks_on(page, number, drawing, min_dpi=rules.min_dpi, embedded=rules.require_embedded_fonts)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # whatever a hostile page makes a parser raise is a property of the page
            yield Problem("damaged_page", f"page {number} cannot be read ({_short(error)})")
    if len(blank) == len(pdf.pages):
        yield Problem("blank", "every page of it is blank")
    else:
        yield from structure.content_missing(lost)


def _oddities(said: Iterable[str]) -> Iterator[Problem]:
    """What qpdf said of what was read, and found no worse than a printer may do."""
    odd = [line for line in dict.fromkeys(said) if not HARMLESS.search(line)]
    if any(UNSIZED in line for line in odd):
        yield Problem("no_area", "it does not say how large its pages are")
    if odd:
        more = f" and {len(odd) - SHOWN_WARNINGS} more" if len(odd) > SHOWN_WARNINGS else ""
        yield Problem("warnings", f"a printer may trip over it ({'; '.join(map(_short, odd[:SHOWN_WARNINGS]))}{more})")


def _short(error: object) -> str:
    """An error's text as one short line, without what stands for the file's name."""
    if isinstance(error, AttributeError | KeyError | IndexError | TypeError):
        return "an entry is missing or of the wrong kind"  # in place of what Python says of that
    text = " ".join(str(error).split())
    head, _, rest = text.partition(": ")
    return (rest if ("/" in head or "<" in head) and rest else text)[:160]
