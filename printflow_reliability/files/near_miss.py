"""Keys that a person would call the same and S3 does not: case, encoding, normal form, slashes, a URL around them."""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def folded(key: str, bucket: str) -> str:
    """What all near misses of a key have in common."""
    return unicodedata.normalize("NFC", _plain(key, bucket)).casefold()


def variants(key: str, bucket: str) -> tuple[str, ...]:
    """Other spellings of a key that can be asked for by name, the most likely first; usually none at all."""
    plain = _plain(key, bucket)
    found = dict.fromkeys(
        (
            without_url(key, bucket),
            key.lstrip("/"),
            re.sub("/{2,}", "/", key),
            unquote(key),
            plain,
            unicodedata.normalize("NFC", plain),
            unicodedata.normalize("NFD", plain),
            plain.lower(),
        )
    )
    return tuple(one for one in found if one and one != key)


def climbs(key: str) -> bool:
    """Whether a key has a `..` part, plain or percent-encoded; such a key is never asked for or healed from."""
    return ".." in key.split("/") or ".." in unquote(key).replace("\\", "/").split("/")


def difference(key: str, other: str) -> str:
    """In what a near miss differs, in a few words."""
    if URL.match(key):
        return "a URL stands where the key should"
    if key.lstrip("/") == other:
        return "a slash stands before the key"
    if re.sub("/{2,}", "/", key) == other:
        return "a slash is doubled"
    if unicodedata.normalize("NFC", key) == unicodedata.normalize("NFC", other):
        return "the same letters in another Unicode normal form"
    if unquote(key) == other or unquote(other) == key:
        return "one of the two is percent-encoded"
    if key.casefold() == other.casefold():
        return "upper and lower case differ"
    return "they differ only in spelling"


def _plain(key: str, bucket: str) -> str:
    """The key without a URL around it, decoded, without empty parts."""
    return re.sub("/{2,}", "/", unquote(without_url(key, bucket))).lstrip("/")


def without_url(key: str, bucket: str) -> str:
    """The path of a URL, without the bucket where it leads the path; anything else as it is."""
    if not URL.match(key):
        return key
    try:
        path = urlsplit(key).path.lstrip("/")
    except ValueError:  # such as a bracket where the host should be
        return key
    return path.removeprefix(f"{bucket}/")
