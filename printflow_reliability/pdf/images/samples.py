"""Images of plain samples: whether there are as many as their pixels need."""

from math import ceil

import pikepdf
from pikepdf import Name

from printflow_reliability.pdf.filters import unpacked, unpacked_length
from printflow_reliability.pdf.flaw import Flaw
from printflow_reliability.pdf.names import text_of

PROFILE_SIGNATURE, PROFILE_SIGNATURE_AT = b"acsp", 36
BITS = (1, 2, 4, 8, 16)
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
    if bits not in BITS:
        return Flaw("does not say how many bits its samples have")
    if not components:
        return None
    needed = ceil(int(image.Width) * bits * components / 8) * int(image.Height)
    have = unpacked_length(image)
    return Flaw(f"has {have:,} of the {needed:,} bytes that its pixels need") if have < needed else None


def colours_flaw(image: pikepdf.Stream) -> Flaw | None:
    """Whether what an image's samples stand for is there: a colour space, its palette, its function."""
    if bool(image.get(Name.ImageMask, False)):
        return None
    space = image.get(Name.ColorSpace)
    if isinstance(space, pikepdf.Name):
        known = text_of(space) in (*COMPONENTS, "Pattern")
        return None if known else Flaw(f"has the colour space {text_of(space)}, which no printer knows")
    if not isinstance(space, pikepdf.Array) or not len(space):
        return Flaw("has no colour space")
    family = text_of(space[0])
    if family in ("Separation", "DeviceN") and not (
        len(space) > 3 and isinstance(space[3], pikepdf.Dictionary | pikepdf.Stream)
    ):
        return Flaw("has inks of which it does not say how they look")
    if family == "ICCBased":
        return _profile_flaw(space[1])
    return _palette_flaw(space) if family in ("Indexed", "I") else None


def _profile_flaw(profile: pikepdf.Object) -> Flaw | None:
    """A printer takes a plain colour space in the place of a profile that it cannot read; not if it has no number."""
    if not int(profile.get(Name.N, 0)):
        return Flaw("has a colour profile without a number of colours")
    signed = unpacked(profile)[PROFILE_SIGNATURE_AT:].startswith(PROFILE_SIGNATURE)
    return None if signed else Flaw("has a colour profile that is none", lost=False)


def _palette_flaw(space: pikepdf.Array) -> Flaw | None:
    if len(space) < 4:
        return Flaw("has no palette")
    table, components = space[3], components_of(space[1])
    have = len(unpacked(table) if isinstance(table, pikepdf.Stream) else bytes(table))
    needed = (int(space[2]) + 1) * (components or 0)
    return Flaw(f"has {have} of the {needed} bytes of its palette") if have < needed else None


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
