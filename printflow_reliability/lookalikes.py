"""Characters that people read as others: full-width letters, digits of other scripts, dashes, and no width at all.

Personal data is found by what people read, and what is left keeps its own characters.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

STOPS = "\u3002\uff61\uff0e\u2024"
Replace = Callable[["re.Match[str]"], str]


def replaced(pattern: "re.Pattern[str]", replace: Replace, text: str) -> str:
    """What `pattern.sub` does, for the text as people read it."""
    if text.isascii():
        return pattern.sub(replace, text)
    read, offsets = _read(text)
    parts: list[str] = []
    done = 0
    for found in pattern.finditer(read):
        other = replace(found)
        if other != found[0]:
            parts += [text[done : offsets[found.start()]], other]
            done = offsets[found.end() - 1] + 1
    return "".join([*parts, text[done:]])


@lru_cache(maxsize=2)
def _read(text: str) -> tuple[str, tuple[int, ...]]:
    """The text as people read it, and where in the text each of its characters is."""
    read = [(_plain(character), offset) for offset, character in enumerate(text)]
    return "".join(plain for plain, _ in read), tuple(offset for plain, offset in read if plain)


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    if character.isascii():
        return character
    kind = unicodedata.category(character)
    if kind == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    if kind in ("Pd", "Zs") or character == "\u2212":
        return " " if kind == "Zs" else "-"
    compatible = unicodedata.normalize("NFKC", character)
    if character in STOPS:
        return "."
    return compatible if len(compatible) == 1 and compatible.isascii() else character
