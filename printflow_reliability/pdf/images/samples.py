"""Images of plain samples: whether there are as many as their pixels need."""

from math import ceil

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.filters import unpacked
from printflow_reliability.pdf.flaw import Flaw
from printflow_reliability.pdf.names import text_of

COMPONENTS = {
    **dict.fromkeys(("DeviceGray", "CalGray", "G", "Indexed", "I", "Separation"), 1),
    **dict.fromkeys(("DeviceRGB", "CalRGB", "RGB", "Lab"), 3),
    **dict.fromkeys(("DeviceCMYK", "CMYK"), 4),
}


def samples_flaw(image: pikepdf.Stream) -> Flaw | None:
    """Whether an image has fewer bytes than its pixels need: the rest of it would be printed black or white."""
    is_mask = bool(image.get(Name.ImageMask, False))
    bits = 1 if is_mask else int(image.get(Name.BitsPerComponent, 0))
    components = 1 if is_mask else components_of(image.get(Name.ColorSpace))
    if not bits or not components:
        return None
    needed = ceil(int(image.Width) * bits * components / 8) * int(image.Height)
    have = len(unpacked(image))
    return Flaw(f"has {have:,} of the {needed:,} bytes that its pixels need") if have < needed else None


def components_of(space: pikepdf.Object | None) -> int | None:
    """How many values a pixel has in a colour space; None where that is not known."""
    if isinstance(space, pikepdf.Name):
        return COMPONENTS.get(text_of(space))
    if not isinstance(space, pikepdf.Array) or not len(space):
        return None
    family = text_of(space[0])
    if family == "ICCBased":
        return int(space[1].get(Name.N, 0)) or None
    return len(space[1]) if family == "DeviceN" else COMPONENTS.get(family)
