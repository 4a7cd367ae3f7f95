"""The structure of a document: whether its page tree is whole, and whether its pages have anything to print."""

from collections import Counter
from collections.abc import Iterator

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.inspection import Problem
from printflow_reliability.text import counted

SHOWN_PAGES = 3
MARKS = (Name.XObject, Name.Font, Name.Shading, Name.Pattern)
"""Resources that a page has in order to draw with them."""


def declared_pages(pdf: pikepdf.Pdf) -> int | None:
    """How many pages the document says it has; ask before `pdf.pages`, which mends the number.

    None if it says nothing that can be read.
    """
    try:
        return int(pdf.Root.Pages.Count)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def page_tree(pages: int, declared: int | None, *, repaired: bool) -> Iterator[Problem]:
    """Problems of the page tree: what a reader drops from it without a word, and what a repair may have dropped."""
    if declared is None and repaired:
        yield Problem("pages_missing", "it opens only with repair, and does not say how many pages it had")
    elif declared is None:
        yield Problem("page_count", "it does not say how many pages it has")
    elif pages < declared:
        yield Problem(
            "pages_missing",
            f"it says that it has {counted(declared, 'page')}, and holds {pages}",
        )
    elif pages > declared:
        yield Problem("page_count", f"it says that it has {counted(declared, 'page')}, and holds {pages}")


def contents(pdf: pikepdf.Pdf) -> Iterator[Problem]:
    """Pages that have lost what they were to print, and a document that prints nothing at all."""
    shared = Counter(_resources_of(page) for page in pdf.pages)
    empty: list[int] = []
    lost: list[int] = []
    for number, page in enumerate(pdf.pages, 1):
        if _drawn(page):
            continue
        empty.append(number)
        own = shared[_resources_of(page)] == 1 or len(pdf.pages) == 1
        if (own and _has_marks(page)) or (Name.Contents in page.obj and _bytes_of(page).strip(b"\t\n\f\r ")):
            lost.append(number)
    if len(empty) == len(pdf.pages):
        yield Problem("blank", "every page of it is blank")
    elif lost:
        named = ", ".join(map(str, lost[:SHOWN_PAGES]))
        more = f" and {len(lost) - SHOWN_PAGES} more" if len(lost) > SHOWN_PAGES else ""
        yield Problem("content_missing", f"page {named}{more} has lost its content")


def forms(pdf: pikepdf.Pdf) -> Iterator[Problem]:
    """A dynamic XFA form: its pages only ask the reader to wait, and no printer draws what it would then show."""
    form = pdf.Root.get(Name.AcroForm)
    if form is None or Name.XFA not in form:
        return
    fields = form.get(Name.Fields)
    dynamic = bool(pdf.Root.get(Name.NeedsRendering, False))
    if dynamic or ((fields is None or len(fields) == 0) and len(pdf.pages) == 1):
        yield Problem("xfa_form", 'it is a dynamic XFA form, whose page says only "please wait"')


def _drawn(page: pikepdf.Page) -> bool:
    """Whether a page's content holds anything but white space and NULs, or something is drawn over it."""
    return bool(_bytes_of(page).strip(b"\0\t\n\f\r ")) or len(page.obj.get(Name.Annots) or ()) > 0


def _bytes_of(page: pikepdf.Page) -> bytes:
    content = page.obj.get(Name.Contents)
    if content is None:
        return b""
    parts = list(content) if isinstance(content, pikepdf.Array) else [content]
    return b"\n".join(part.read_bytes() for part in parts if isinstance(part, pikepdf.Stream))


def _resources_of(page: pikepdf.Page) -> tuple[int, int]:
    """Which object a page's resources are; those that pages share say nothing of each."""
    resources = page.obj.get(Name.Resources)
    return resources.objgen if resources is not None and resources.is_indirect else page.obj.objgen


def _has_marks(page: pikepdf.Page) -> bool:
    """Whether a page has resources of its own to draw with; those that it inherits say nothing of it."""
    resources = page.obj.get(Name.Resources)
    return resources is not None and any(len(resources.get(kind) or {}) for kind in MARKS)
