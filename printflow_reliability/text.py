"""Text for people, without a terminal: numbers with their units, and text from outside made safe to show."""

import re

UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL refuses in text and jsonb: NUL, and halves of a surrogate pair, which stand for bytes of no text."""


def storable(text: str | bytes) -> str:
    """Text from files, keys and messages as every database and terminal takes it; what it cannot hold is escaped."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    return UNSTORABLE.sub(lambda found: _escaped(found[0]), text)


def _escaped(char: str) -> str:
    code = ord(char)
    # surrogateescape maps byte 0xNN to U+DCNN.
    return f"\\x{code & 0xFF:02x}" if code < 0x100 or 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
