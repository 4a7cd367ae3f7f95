"""What names in content streams stand for, and what is told where they stand for nothing."""

from dataclasses import dataclass
from typing import Any

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.names import text_of

CATEGORIES = {
    Name.XObject: "form or image",
    Name.ExtGState: "graphics state",
    Name.ColorSpace: "colour space",
    Name.Pattern: "pattern",
    Name.Shading: "shading",
}


class MissingResource(ValueError):
    """An instruction names what is not there."""


@dataclass(frozen=True)
class Resources:
    """What names in a content stream stand for: in its own resources, or in the page's, where printers look too."""

    own: Any
    page: Any

    def find(self, category: Name, name: Any) -> Any:
        """The resource of a name; None where there is none."""
        for resources in (self.own, self.page):
            found = entry(entry(resources, category), name) if isinstance(name, pikepdf.Name) else None
            if found is not None:
                return found
        return None

    def named(self, category: Name, name: Any) -> Any:
        """The resource that an instruction names.

        Raises:
            Lacking: it is not there, so that the instruction does nothing.
        """
        found = self.find(category, name)
        if found is None:
            raise MissingResource(f"it uses the {CATEGORIES[category]} {text_of(name)}, which is not there")
        return found


def entry(dictionary: Any, key: Any) -> Any:
    """An entry of a dictionary; None where what should be one is none."""
    return dictionary.get(key) if isinstance(dictionary, pikepdf.Dictionary) else None
