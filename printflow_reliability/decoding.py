"""What text means once it is decoded, with where each part of that stood.

Escapes are undone one within another. Base64 and hexadecimal are undone where a text comes of it: a report in a header,
a script in an argument, a row in a log of a driver.
"""

import base64
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

ESCAPE = re.compile(
    rb"%(?:25)*(?P<percent>[0-9a-f]{2})"
    rb"|\\+u(?P<high>d[89ab][0-9a-f]{2})\\+u(?P<low>d[c-f][0-9a-f]{2})"
    rb"|\\+u(?P<unicode>[0-9a-f]{4})"
    rb"|\\+x(?P<byte>[0-9a-f]{2})"
    rb"|\\+(?P<octal>[0-3][0-7]{2})"
    rb"|\\+(?P<escaped>[\"'/\\bfnrt])"
    rb"|&(?:amp;)*#x(?P<hex>[0-9a-f]{1,6});"
    rb"|&(?:amp;)*#(?P<decimal>\d{1,7});"
    rb"|&(?:amp;)*(?P<named>amp|lt|gt|quot|apos);",
    re.IGNORECASE,
)
"""However often it was done: `%2541`, `\\\\u0041` and `&amp;#65;` all mean `A`."""
ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
NAMED = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*")
"""Also over several lines, as mail and certificates have it."""
HEX = re.compile(rb"(?<![0-9a-f])[0-9a-f]{2}(?:[ :,\n-]?[0-9a-f]{2}){11,}", re.IGNORECASE)
STANDARD = bytes.maketrans(b"-_", b"+/")
WRITTEN = bytes([9, 10, 13, *range(32, 127)])
"""What text is made of."""
MOSTLY = 0.7
"""The share of such bytes from which on something decoded is taken for text, and not for what merely looks encoded."""
BESIDE = b"\n"
SEPARATORS = bytes(byte for byte in range(256) if not chr(byte).isascii() or not chr(byte).isalnum())


@dataclass(frozen=True)
class Plain:
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


def plain(raw: bytes) -> Plain:
    if b"%" not in raw and b"\\" not in raw and b"&" not in raw:
        return Plain(raw, (), ())
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
    return Plain(b"".join(parts) + raw[done:], tuple(ends), tuple(shifts))


def _meant(escape: "re.Match[bytes]") -> bytes:
    kind = escape.lastgroup or ""
    found = escape[kind]
    match kind:
        case "percent" | "byte":
            return bytes.fromhex(found.decode())
        case "octal":
            return bytes([int(found, 8)])
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


@dataclass(frozen=True)
class Coded:
    """The texts that were encoded in another one, side by side, and where each was.

    Attributes:
        text: all of them.
        begins: where in `text` each begins.
        places: where in the other text each was.
    """

    text: bytes
    begins: tuple[int, ...]
    places: tuple[tuple[int, int], ...]

    def spans(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of the other text that a part of this one comes from."""
        for number in range(bisect_right(self.begins, start) - 1, len(self.begins)):
            if self.begins[number] >= end:
                return
            yield self.places[number]


def coded(raw: bytes) -> Coded:
    """What of a text is another one in base64 or hexadecimal."""
    parts: list[bytes] = []
    begins: list[int] = []
    places: list[tuple[int, int]] = []
    length = 0
    for place, decoded in _runs(raw):
        decoded = _in_bytes(decoded)
        if _is_text(decoded):
            parts.append(decoded + BESIDE)
            begins.append(length)
            places.append(place)
            length += len(decoded) + len(BESIDE)
    return Coded(b"".join(parts), tuple(begins), tuple(places))


def _is_text(decoded: bytes) -> bool:
    odd = decoded.translate(None, WRITTEN)
    if len(odd) <= (1 - MOSTLY) * len(decoded):
        return True
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return False
    return min(odd) > 127  # letters of other scripts


def _in_bytes(decoded: bytes) -> bytes:
    """Text in UTF-16, as Windows has it, in UTF-8; any other as it is."""
    first, second = decoded[::2].count(0), decoded[1::2].count(0)
    if 3 * max(first, second) < len(decoded):
        return decoded
    return decoded[first > second :].decode("utf-16-le", "replace").encode("utf-8", "replace")


def _runs(raw: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Whatever may be encoded, decoded; a run may have begun before what was encoded did."""
    for run in BASE64.finditer(raw):
        packed = b"".join(run[0].split()).translate(STANDARD)
        for shift in range(4):
            whole = packed[shift : shift + (len(packed) - shift) // 4 * 4]
            rest = packed[shift + len(whole) :]
            decoded = base64.b64decode(whole)
            if len(rest) > 1:
                decoded += base64.b64decode(rest + b"=" * (4 - len(rest)))
            yield run.span(), decoded
    for run in HEX.finditer(raw):
        yield run.span(), bytes.fromhex(re.sub(rb"[^0-9a-fA-F]", b"", run[0]).decode())


def dense(low: bytes) -> bytes:
    """Letters and digits alone, of a text in small letters: what stands between them may be where it was wrapped."""
    return low.translate(None, SEPARATORS)


def places_in(low: bytes, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where parts of the dense text were in the text itself."""
    offsets = [offset for offset, byte in enumerate(low) if byte not in SEPARATORS]
    for start, end in spans:
        yield offsets[start], offsets[end - 1] + 1
