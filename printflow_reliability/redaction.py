"""Secrets in text are replaced in whatever form they come: as they are, encoded, escaped, or cut off by a limit.

A secret rarely reaches an error as it was typed: a URL percent-encodes it, a header has it in base64, a log writes it
as JSON, and a limit cuts it in half. So text is decoded, and the secrets are looked for in what it means.
"""

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

SHOWN = b"[secret]"
SHORTEST = 4
"""Bytes of a secret that is looked for in other forms too; of a shorter one, too much text would be taken for it."""
LEAST = 8
"""Bytes by which a part of a secret is known where text was cut off."""
DEEPEST = 4
"""How many kinds of escapes are undone, one within another."""
ESCAPE = re.compile(
    rb"%(?:25)*(?P<percent>[0-9a-f]{2})"
    rb"|\\+u(?P<high>d[89ab][0-9a-f]{2})\\+u(?P<low>d[c-f][0-9a-f]{2})"
    rb"|\\+u(?P<unicode>[0-9a-f]{4})"
    rb"|\\+x(?P<byte>[0-9a-f]{2})"
    rb"|\\+(?P<escaped>[\"'/\\bfnrt])"
    rb"|&(?:amp;)*#x(?P<hex>[0-9a-f]{1,6});"
    rb"|&(?:amp;)*#(?P<decimal>\d{1,7});"
    rb"|&(?:amp;)*(?P<named>amp|lt|gt|quot|apos);",
    re.IGNORECASE,
)
"""However often it was done: `%2541`, `\\\\u0041` and `&amp;#65;` all mean `A`."""
ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
CUT = re.compile(rb"\.\.\.|\xe2\x80\xa6")
"""What stands where text was cut off."""
HALF = re.compile(rb"(?:%[0-9a-f]?|\\+(?:u[0-9a-f]{0,3}|x[0-9a-f]?)?|&#?x?[0-9a-z]{0,7})\Z")
"""An escape that was cut in two."""
SCHEME = re.compile(rb"[a-z0-9+.-]+://")


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced; they come longest first, since one may be part of another."""
    known = tuple(secrets)
    for secret in known:
        text = text.replace(secret, SHOWN.decode())
    forms = _forms(known)
    if not forms:
        return text
    raw = text.encode("utf-8", "surrogatepass")
    spans = _spans(raw, forms)
    return _decoded(_without(raw, spans)) if spans else text


def _spans(raw: bytes, forms: tuple[bytes, ...]) -> list[tuple[int, int]]:
    """Where secrets are in the text, and in what it means when it is decoded again and again."""
    spans: list[tuple[int, int]] = []
    steps: list[_Plain] = []
    text = raw
    while True:
        for start, end in _found(text, forms):
            for step in reversed(steps):
                start, end = step.span(start, end)
            spans.append((start, end))
        plain = _plain(text)
        if plain.text == text or len(steps) == DEEPEST:
            return spans
        steps.append(plain)
        text = plain.text


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a character of many bytes was half a secret's
        return raw.decode("utf-8", "replace")


@dataclass(frozen=True)
class _Plain:
    """Text without escapes, and where each of them was.

    Attributes:
        text: what it means.
        ends: behind each escape, the offset in `text`.
        shifts: so many bytes more the raw text has up to there.
    """

    text: bytes
    ends: tuple[int, ...]
    shifts: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The part of the raw text that a part of this one comes from."""
        return self._raw(start), self._raw(end)

    def _raw(self, offset: int) -> int:
        behind = bisect_right(self.ends, offset)
        return offset + (self.shifts[behind - 1] if behind else 0)


def _plain(raw: bytes) -> _Plain:
    if b"%" not in raw and b"\\" not in raw and b"&" not in raw:
        return _Plain(raw, (), ())
    parts: list[bytes] = []
    ends: list[int] = []
    shifts: list[int] = []
    length = done = 0
    for escape in ESCAPE.finditer(raw):
        before, meant = raw[done : escape.start()], _meant(escape)
        parts += [before, meant]
        length += len(before) + len(meant)
        done = escape.end()
        ends.append(length)
        shifts.append(done - length)
    return _Plain(b"".join(parts) + raw[done:], tuple(ends), tuple(shifts))


def _meant(escape: "re.Match[bytes]") -> bytes:
    kind = escape.lastgroup or ""
    found = escape[kind]
    match kind:
        case "percent" | "byte":
            return bytes.fromhex(found.decode())
        case "low":
            pair = (int(escape["high"], 16) - 0xD800) << 10 | (int(found, 16) - 0xDC00)
            return chr(0x10000 + pair).encode()
        case "unicode" | "hex":
            return _character(int(found, 16))
        case "decimal":
            return _character(int(found))
        case "named":
            return NAMED[found.lower()]
    return ESCAPED.get(found.lower(), found)


def _character(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass") if code <= 0x10FFFF else b"?"


@lru_cache(maxsize=8)
def _forms(secrets: tuple[str, ...]) -> tuple[bytes, ...]:
    """What secrets look like in text without escapes, in small letters, the longest first."""
    found: set[bytes] = set()
    for secret in secrets:
        if len(secret.encode("utf-8", "surrogatepass")) < SHORTEST:
            continue
        for meaning in {secret, unquote(secret)}:
            raw = meaning.encode("utf-8", "surrogatepass")
            spaced = [raw, raw.replace(b" ", b"+")]
            quoted = [raw.replace(b"'", other) for other in (b"''", b"'''", b"'\"'\"'")]
            written = [json.dumps(meaning)[1:-1], repr(meaning)[1:-1], ascii(meaning)[1:-1]]
            for form in (*spaced, *quoted, *(text.encode("utf-8", "surrogatepass") for text in written)):
                for _ in range(DEEPEST + 1):
                    found.add(form)
                    form = _plain(form).text
            found.update(_encoded(raw))
    return tuple(sorted({form.lower() for form in found if len(form) >= SHORTEST}, key=len, reverse=True))


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


def _found(plain: bytes, forms: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    low = plain.lower()
    for form in forms:
        if len(form) >= LEAST or form in plain:
            start = low.find(form)
            while start >= 0:
                yield start, start + len(form)
                start = low.find(form, start + len(form))
    yield from _cut_off(low, [form for form in forms if len(form) > LEAST])


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
