"""Text for people, without a terminal: numbers with their units, and text from outside made safe to show.

Control characters are escaped wherever text is shown: an escape sequence could repaint a terminal, and a bidirectional
override could make a key read as another one.
"""

import re
import shlex
from datetime import datetime

TAB = " " * 4
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL refuses in text and jsonb: NUL, and halves of a surrogate pair, which stand for bytes of no text."""


def printable(text: str) -> str:
    """Text from outside on one line: every control character escaped, also the newline in a key."""
    if text.isprintable():  # most text is, and may be long
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def readable(text: str) -> str:
    """Text of several lines, such as the tail of a log: its lines stay, every other control character is escaped."""
    lines = text.replace("\r\n", "\n").replace("\t", TAB).split("\n")
    return "\n".join(printable(line) for line in lines)


def storable(text: str | bytes) -> str:
    """Text from files, keys and messages as every database and encoding takes it; what none can hold is escaped."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    return UNSTORABLE.sub(lambda found: _escaped_code(found[0]), text)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: "1 segment", "3 segments", "3 repositories"."""
    return f"{number:,} {agreed(number, noun, plural or f'{noun}s')}"


def agreed(number: int, singular: str, plural: str) -> str:
    """The word that agrees with a number: "1 table differs", "3 tables differ"."""
    return singular if number == 1 else plural


def shell_word(text: str) -> str:
    """Text as one word of a command line that can be copied from a terminal into bash, whatever characters it holds."""
    if text.isprintable():
        return shlex.quote(text)
    plain = text.replace("\\", "\\\\").replace("'", "\\'")
    coded = (char if char.isprintable() else "".join(f"\\x{byte:02x}" for byte in char.encode()) for char in plain)
    return f"$'{''.join(coded)}'"


def seconds(value: float) -> str:
    """A duration as a person says it: 0.4 s, 38 s, 2 min 11 s, 3 h 5 min, 8 days."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 2 * 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min" if whole % 3600 >= 60 else f"{whole // 3600} h"
    return f"{whole // 86400} days"


def size(count: float) -> str:
    """Bytes as a person says them, in decimal units: 812 B, 1.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def moment(value: datetime) -> str:
    """A time of day with its date, in UTC: 2026-11-02 03:00:11 UTC."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _escaped_code(char: str) -> str:
    code = ord(char)
    # surrogateescape maps byte 0xNN to U+DCNN.
    return f"\\x{code & 0xFF:02x}" if code < 0x100 or 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
