"""Names in a PDF are bytes of any encoding; this is how they become text."""

import pikepdf

from printflow_reliability.text import storable


def text_of(name: pikepdf.Object | None) -> str:
    """A name's text for a person, without its slash; empty for none."""
    return storable(bytes(name.unparse(resolved=True))).lstrip("/") if name is not None else ""
