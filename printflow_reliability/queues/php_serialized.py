"""Reading what PHP's serialize() wrote, as plain data: no class of it is ever made, and its size is bounded.

Laravel keeps a job's object so in the payload: `data.command`.
"""

from typing import Any

LARGEST = 1024 * 1024
"""Bytes that are read."""
DEEPEST = 24


def deserialized(text: str) -> Any:
    """The value: arrays and objects as dictionaries with text for keys; a private property has its bare name.

    Raises:
        ValueError: it was not written by serialize(), is too long or too deep, or holds what only PHP could make of it.
    """
    data = text.encode("utf-8", "surrogateescape")
    if len(data) > LARGEST:
        raise ValueError("too long")
    reader = _Reader(data)
    value = reader.value(0)
    reader.end()
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def value(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise ValueError("too deep")
        kind = self._take(2)
        match kind:
            case b"N;":
                return None
            case b"b:":
                return self._until(b";") == b"1"
            case b"i:" | b"r:" | b"R:":  # a reference is to a value that was read before: nothing is looked up in it
                number = int(self._until(b";"))
                return number if kind == b"i:" else None
            case b"d:":
                return float(self._until(b";"))
            case b"s:":
                text = self._text()
                self._expect(b";")
                return text
            case b"E:":
                name = self._text()
                self._expect(b";")
                return name.partition(":")[2]
            case b"a:":
                return self._members(depth)
            case b"O:":
                self._text()
                self._expect(b":")
                return self._members(depth)
        raise ValueError("of a kind that is not read")

    def end(self) -> None:
        if self._at != len(self._data):
            raise ValueError("goes on after its end")

    def _members(self, depth: int) -> dict[str, Any]:
        count = int(self._until(b":"))
        self._expect(b"{")
        found: dict[str, Any] = {}
        for _ in range(count):  # each takes some bytes, so that a false count ends with them
            key = self.value(depth + 1)
            found[str(key).rpartition("\0")[2]] = self.value(depth + 1)
        self._expect(b"}")
        return found

    def _text(self) -> str:
        length = int(self._until(b":"))
        self._expect(b'"')
        text = self._take(length)
        self._expect(b'"')
        return text.decode("utf-8", "surrogateescape")

    def _take(self, length: int) -> bytes:
        if length < 0 or self._at + length > len(self._data):
            raise ValueError("ends too early")
        self._at += length
        return self._data[self._at - length : self._at]

    def _until(self, end: bytes) -> bytes:
        found = self._data.find(end, self._at, self._at + 64)
        if found < 0:
            raise ValueError("has no end")
        text, self._at = self._data[self._at : found], found + 1
        return text

    def _expect(self, mark: bytes) -> None:
        if self._take(len(mark)) != mark:
            raise ValueError("is not as serialize() writes")
