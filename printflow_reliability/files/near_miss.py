"""Near misses: other spellings of a key that can be asked for by name, and in what two spellings differ."""

import re
import unicodedata
from urllib.parse import unquote

from printflow_reliability.platform.spelling import is_url, plain, without_url


def variants(key: str, readings: tuple[str, ...], bucket: str) -> tuple[str, ...]:
    """Other spellings of a key that can be asked for by name, the most likely first; usually none at all.

    Args:
        key: as the database has it.
        readings: what it may mean, by `BasePaths.readings`.
        bucket: the bucket's own name.
    """
    found = [without_url(key, bucket), key.strip(), key.lstrip("/"), re.sub("/{2,}", "/", key), unquote(key)]
    for reading in readings:
        found += [reading, unicodedata.normalize("NFC", reading), unicodedata.normalize("NFD", reading)]
        found += [reading.replace("+", " "), reading.lower()]
    return tuple(fromkey for fromkey in dict.fromkeys(found) if fromkey and fromkey != key)


def difference(key: str, other: str) -> str:
    """In what a near miss differs, in a few words."""
    if is_url(key):
        return "a URL stands where the key should"
    if key.strip() == other:
        return "spaces stand around the key"
    if key.partition("?")[0] == other:
        return "a query string stands behind the key"
    if key.lstrip("/") == other:
        return "a slash stands before the key"
    if key.replace("\\", "/") == other:
        return "a backslash stands for a slash"
    if re.sub("/{2,}", "/", key) == other:
        return "a slash is doubled"
    if key.endswith(f"/{other}"):
        return f"{key.removesuffix(other)!r} stands before the key"
    if unicodedata.normalize("NFC", key) == unicodedata.normalize("NFC", other):
        return "the same letters in another Unicode normal form"
    if unquote(key) == other or unquote(other) == key:
        return "one of the two is percent-encoded"
    if key.casefold() == other.casefold():
        return "upper and lower case differ"
    if plain(key, "") == plain(other, ""):
        return "they are encoded differently"
    return "they differ only in spelling"
