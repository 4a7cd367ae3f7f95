"""What in a value of the database may be an object's key: the value itself, or something inside of it.

Keys stand alone, in JSON (as values and as keys), in arrays and composites, in URLs, in HTML and Markdown, in PHP's
serialized text and in bytes.
"""

import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from printflow_reliability.platform.spelling import without_url

LONGEST_KEY_BYTES = 1024
MOST_IN_ONE_TEXT = 300
"""So many candidates are taken out of one long text."""
BYTES = re.compile(r"\\x(?:[0-9a-f]{2})+")
"""How bytea looks in JSON."""
EXTENSION = re.compile(r"[^/]\.[0-9]{0,2}[A-Za-z][0-9A-Za-z]{0,7}$")
NAMED = re.compile(r"[A-Za-z_][\w-]{0,40}")
"""A member of a JSON object that is a name rather than data."""
QUOTED = re.compile(r""""([^"<>]{3,1024})"|'([^'<>]{3,1024})'|\]\(<?([^()<>]{3,1024})>?\)|>([^<>]{3,1024})(?=<)""")
TAIL = re.compile(r" [^\"'<>|\n]{1,200}?\.[0-9]{0,2}[A-Za-z][0-9A-Za-z]{0,7}\b")
"""The rest of a path with blanks in it, in the middle of a sentence: it ends with its extension."""
BARE = re.compile(r"[^\s\"'<>()\[\]{}|,;]{3,1024}")
ID_LENGTH = 16


def candidates(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a JSON document that may be a key, with its place in it, as `data.files[].path`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ((f"{place} (keys)", key) for key in keys_in(name))
            yield from candidates(f"{place}.{name if NAMED.fullmatch(name) else '*'}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from candidates(f"{place}[]", inner)
    elif isinstance(value, str):
        text = _decoded(value)
        if text.lstrip()[:1] in ("{", "["):
            try:
                document = json.loads(text)
            except (ValueError, RecursionError):
                pass
            else:
                yield from candidates(place, document)
                return
        yield from ((place, key) for key in keys_in(text))


def keys_in(text: str) -> Iterator[str]:
    """What in a text may be a key: all of it, or parts of a longer one; each once."""
    seen: set[str] = set()
    for part in (*_parts(text), *(_parts(html.unescape(text)) if "&" in text else ())):
        for key in _spellings(part):
            if key not in seen and _may_be_a_key(key):
                seen.add(key)
                yield key
        if len(seen) >= MOST_IN_ONE_TEXT:
            return


def _parts(text: str) -> Iterator[str]:
    yield text.strip()
    if any(mark in text for mark in "\"'<>()[]\n\t ,;|"):
        for found in QUOTED.finditer(text):
            yield next(filter(None, found.groups()))
        for found in BARE.finditer(text):
            yield found[0].rstrip(".:!?")
            if "/" in found[0] and (tail := TAIL.match(text, found.end())):
                yield f"{found[0]}{tail[0]}"


def _spellings(text: str) -> Iterator[str]:
    yield text
    path = without_url(text, "")
    for spelling in (path, path.partition("?")[0], path.partition("#")[0]):
        yield from (spelling, unquote(spelling))


def _may_be_a_key(text: str) -> bool:
    if not text or "\n" in text or len(text.encode(errors="surrogatepass")) > LONGEST_KEY_BYTES:
        return False
    if "/" in text.strip("/") or EXTENSION.search(text):
        return True
    return len(text) >= ID_LENGTH and " " not in text and any(char.isdigit() for char in text)


def _decoded(text: str) -> str:
    if text.startswith("\\x") and BYTES.fullmatch(text):
        return bytes.fromhex(text[2:]).decode("utf-8", "replace")
    return text
