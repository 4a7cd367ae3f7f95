"""Secrets in text are replaced in whatever form they come: as they are, encoded, escaped, or cut off by a limit.

A secret rarely reaches an error as it was typed: a URL percent-encodes it, a header has it in base64, a log writes it
as JSON, a line's end wraps it, and a limit cuts it in half. So text is decoded, and the secrets are looked for in what
it means.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from printflow_reliability.decoding import Plain, coded, dense, places_in, plain

SHOWN = b"[secret]"
SHORTEST = 4
"""Bytes of a secret that is looked for in other forms too; of a shorter one, too much text would be taken for it."""
LEAST = 8
"""Bytes by which a part of a secret is known where text was cut off."""
DEEPEST = 4
"""How many kinds of escapes are undone, one within another."""
DEEPEST_CODE = 2
"""How many texts in base64 or hexadecimal are opened, one within another."""
LEAST_DENSE = 12
"""Letters and digits by which a secret is known whatever stands between them."""
CUT = re.compile(rb"\.\.\.|\xe2\x80\xa6")
"""What stands where text was cut off."""
HALF = re.compile(rb"(?:%[0-9a-f]?|\\+(?:u[0-9a-f]{0,3}|x[0-9a-f]?)?|&#?x?[0-9a-z]{0,7})\Z")
"""An escape that was cut in two."""
SCHEME = re.compile(rb"[a-z0-9+.-]+://")


@dataclass(frozen=True)
class _Known:
    """What secrets look like in text without escapes, in small letters, the longest first.

    Attributes:
        forms: as they are, and as they are encoded.
        dense: the letters and digits of those.
    """

    forms: tuple[bytes, ...]
    dense: tuple[bytes, ...]


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced; they come longest first, since one may be part of another."""
    found = tuple(secrets)
    for secret in found:
        text = text.replace(secret, SHOWN.decode())
    known = _known(found)
    if not known.forms:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    spans = list(_spans(raw, known, DEEPEST_CODE))
    return _decoded(_without(raw, spans)) if spans else text


def _spans(raw: bytes, known: _Known, opened: int) -> Iterator[tuple[int, int]]:
    """Where secrets are in the text, and in what it means when it is decoded again and again."""
    steps: list[Plain] = []
    text = raw
    while True:
        for start, end in _in(text, known, opened):
            for step in reversed(steps):
                start, end = step.span(start, end)
            yield start, end
        meant = plain(text)
        if meant.text == text or len(steps) == DEEPEST:
            return
        steps.append(meant)
        text = meant.text


def _in(text: bytes, known: _Known, opened: int) -> Iterator[tuple[int, int]]:
    """Where secrets are in a text as it is, wrapped, and within what is encoded in it."""
    yield from _found(text, known.forms, cut=opened == DEEPEST_CODE)
    low = text.lower()
    if spans := list(_all_of(known.dense, dense(low))):
        yield from places_in(low, spans)
    if opened:
        inner = coded(text)
        for start, end in _spans(inner.text, known, opened - 1):
            yield from inner.spans(start, end)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a character of many bytes was half a secret's
        return raw.decode("utf-8", "replace")


@lru_cache(maxsize=8)
def _known(secrets: tuple[str, ...]) -> _Known:
    forms = {form.lower() for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
    written = forms | {quote(secret, safe=safe).lower().encode() for secret in secrets for safe in ("", "/")}
    wrapped = {dense(form) for form in written if not SCHEME.match(form)}
    wrapped = {form for form in wrapped if len(form) >= LEAST_DENSE and not form.isdigit()}
    wrapped |= {digits for secret in secrets for digits in _in_numbers(secret.encode("utf-8", "surrogatepass"))}
    return _Known(*(tuple(sorted(found, key=len, reverse=True)) for found in (forms, wrapped)))


def _forms(secret: str) -> Iterator[bytes]:
    """What a secret looks like in text without escapes."""
    if len(secret.encode("utf-8", "surrogatepass")) < SHORTEST:
        return
    for meaning in {secret, unquote(secret)}:
        raw = meaning.encode("utf-8", "surrogatepass")
        spaced = [raw, raw.replace(b" ", b"+")]
        quoted = [raw.replace(b"'", other) for other in (b"''", b"'''", b"'\"'\"'")]
        written = [json.dumps(meaning)[1:-1], repr(meaning)[1:-1], ascii(meaning)[1:-1]]
        for form in (*spaced, *quoted, *(text.encode("utf-8", "surrogatepass") for text in written)):
            for _ in range(DEEPEST + 1):
                yield form
                form = plain(form).text
        yield from _encoded(raw)


def _in_numbers(raw: bytes) -> Iterator[bytes]:
    """The secret as a list of its bytes, which stand in decimal or hexadecimal numbers."""
    if len(raw) >= LEAST:
        yield "".join(map(str, raw)).encode()
        yield b"".join(b"0x%02x" % byte for byte in raw)


def _encoded(raw: bytes) -> Iterator[bytes]:
    """The secret in hexadecimal, and in base64 wherever in a longer text it begins there."""
    if len(raw) < SHORTEST + 2:
        return
    yield raw.hex().encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        # The first and last characters hold bits of what stands beside it.
        begins = -(-shift * 8 // 6)
        ends = (shift + len(raw)) * 8 // 6
        found = whole[begins:ends]
        yield found
        yield found.replace(b"+", b"-").replace(b"/", b"_")


def _found(text: bytes, forms: tuple[bytes, ...], *, cut: bool) -> Iterator[tuple[int, int]]:
    low = text.lower()
    yield from _all_of([form for form in forms if len(form) >= LEAST or form in text], low)
    if cut:
        yield from _cut_off(low, [form for form in forms if len(form) > LEAST])


def _all_of(forms: Iterable[bytes], low: bytes) -> Iterator[tuple[int, int]]:
    for form in forms:
        start = low.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = low.find(form, start + len(form))


def _cut_off(low: bytes, forms: list[bytes]) -> Iterator[tuple[int, int]]:
    """Beginnings, ends and middles of secrets at the ends of what was cut off; a piece of text may be cut at both."""
    begins = 0
    for ends, behind in [*(found.span() for found in CUT.finditer(low)), (len(low), len(low))]:
        whole = low[begins:ends]
        for piece in {whole, HALF.sub(b"", whole)}:
            for start, end in _parts_in(piece, forms):
                yield begins + start, ends if end == len(piece) else begins + end
        begins = behind


def _parts_in(piece: bytes, forms: list[bytes]) -> Iterator[tuple[int, int]]:
    for form in forms:
        scheme = SCHEME.match(form)
        # That it is an address of some kind tells nothing.
        least = LEAST + (scheme.end() if scheme else 0)
        for length in _overlaps(piece, form, least):
            yield len(piece) - length, len(piece)
        if scheme:  # what of an address is secret is a secret of its own
            continue
        for length in _overlaps(form, piece, LEAST):
            yield 0, length
        if len(piece) >= LEAST and piece in form:
            yield 0, len(piece)


def _overlaps(text: bytes, other: bytes, least: int) -> Iterator[int]:
    """How long an end of the text is that begins the other, if it is long enough; the longest first."""
    if len(other) < least:
        return
    start = text.find(other[:least], max(len(text) - len(other), 0))
    while start >= 0:
        if other.startswith(text[start:]):
            yield len(text) - start
            return
        start = text.find(other[:least], start + 1)


def _without(raw: bytes, spans: list[tuple[int, int]]) -> bytes:
    parts: list[bytes] = []
    done = 0
    for start, end in sorted(spans):
        if start >= done:
            parts += [raw[done:start], SHOWN]
        done = max(done, end)
    return b"".join(parts) + raw[done:]
