"""The structure of a document: whether its page tree is whole, and whether its pages have anything to print."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.filters import unpacked
from printflow_reliability.pdf.inspection import Problem
from printflow_reliability.text import counted

SHOWN_PAGES = 3
ObjectId = tuple[int, int]
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


def lost_objects(pdf: pikepdf.Pdf, references: Iterable[ObjectId]) -> int:
    """How many objects a repair has not found again, of those that the file refers to."""
    return sum(1 for number, generation in references if pdf.get_object(number, generation) is None)


def lost_content(page: pikepdf.Page, users: Mapping[ObjectId, int]) -> bool:
    """Whether a page that paints nothing was meant to: a blank page is legal.

    Args:
        page: the page.
        users: how many pages use the same resources, by these; those that pages share say nothing of each.
    """
    own = users[_resources_of(page)] == 1 or sum(users.values()) == 1
    return (own and _has_marks(page)) or _holds_only_nuls(page)


def users_of_resources(pdf: pikepdf.Pdf) -> Mapping[ObjectId, int]:
    """How many pages use the same resources."""
    return Counter(_resources_of(page) for page in pdf.pages)


def content_missing(pages: Sequence[int]) -> Iterator[Problem]:
    """The problem of pages that have lost their content, by their numbers."""
    if pages:
        named = ", ".join(map(str, pages[:SHOWN_PAGES]))
        more = f" and {len(pages) - SHOWN_PAGES} more" if len(pages) > SHOWN_PAGES else ""
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


def has_annotations(page: pikepdf.Page) -> bool:
    """Whether something may be drawn over a page, such as a form's fields."""
    return len(page.obj.get(Name.Annots) or ()) > 0


def _holds_only_nuls(page: pikepdf.Page) -> bool:
    """Whether something was written over a page's content, as where a disk lost it."""
    content = page.obj.get(Name.Contents)
    parts = list(content) if isinstance(content, pikepdf.Array) else [] if content is None else [content]
    data = b"".join(unpacked(part) for part in parts)
    return b"\0" in data and not data.strip(b"\0\t\n\f\r ")


def _resources_of(page: pikepdf.Page) -> ObjectId:
    """Which object a page's resources are; those that pages share say nothing of each."""
    resources = page.obj.get(Name.Resources)
    return resources.objgen if resources is not None and resources.is_indirect else page.obj.objgen


def _has_marks(page: pikepdf.Page) -> bool:
    """Whether a page has resources of its own to draw with; those that it inherits say nothing of it."""
    resources = page.obj.get(Name.Resources)
    return resources is not None and any(len(resources.get(kind) or {}) for kind in MARKS)
