"""What a key means: one normal form for all spellings that people and programs make of it.

Keys get a URL around them, a query behind them, `storage/` in front of them, spaces, doubled slashes and backslashes,
another case, encoding or Unicode normal form. Tenancy, near misses and orphans are all told by the same form.
"""

import re
import unicodedata
from urllib.parse import unquote, urlsplit

URL = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//[^/]*[.:@][^/]*(?:/|$)|^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
"""With a scheme, or relative to one: `//cdn.example.com/a`. A doubled slash alone, as in `//a/b`, is none."""
BEFORE = ("storage/app/public/", "storage/app/", "storage/", "public/")
"""What Laravel's disks and their links put in front of a key."""
BLANK = " \t\r\n\v\f\u00a0\u200b\ufeff"
ROUNDS = 3
"""A key may have been encoded more than once."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def plain(key: str, bucket: str) -> str:
    """The key without what is around it; it ends in a slash where the key does."""
    return _bare(_decoded(_path(key)).partition("?")[0], bucket)


def folded(key: str, bucket: str) -> str:
    """What all spellings of a key have in common. Listings cannot tell control characters apart, so neither does it."""
    text = CONTROL.sub("\ufffd", plain(key, bucket)).replace("+", " ").strip(BLANK)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def suffixes(key: str, bucket: str) -> tuple[str, ...]:
    """What a plain key may mean if it begins with folders that are none of the bucket's, the longest first."""
    parts = plain(key, bucket).split("/")
    return tuple("/".join(parts[start:]) for start in range(1, len(parts) - 1))


def is_url(key: str) -> bool:
    """Whether a URL stands where the key should."""
    return URL.match(key.strip(BLANK)) is not None


def without_url(key: str, bucket: str) -> str:
    """The path of a URL, without the bucket where it leads the path; anything else as it is."""
    return _path(key).removeprefix(f"{bucket}/") if is_url(key) else key


def has_parent_segment(key: str) -> bool:
    """Whether a key has a `..` part, plain or percent-encoded; such a key is never asked for or healed from."""
    return ".." in key.split("/") or ".." in _decoded(key).replace("\\", "/").split("/")


def _path(key: str) -> str:
    """The key without a scheme, a host and a query."""
    text = key.strip(BLANK)
    if not is_url(text):
        return text.partition("?")[0]
    try:
        return urlsplit(text).path.lstrip("/")
    except ValueError:  # such as a bracket where the host should be
        return text


def _decoded(text: str) -> str:
    for _ in range(ROUNDS):
        if "%" not in text or (once := unquote(text)) == text:
            break
        text = once
    return text


def _bare(text: str, bucket: str) -> str:
    parts = text.strip(BLANK).replace("\\", "/").split("/")
    folder = "/" if len(parts) > 1 and parts[-1].strip(BLANK) in ("", ".") else ""
    bare = "/".join(part for part in parts if part.strip(BLANK) not in ("", "."))
    before = (*BEFORE, f"{bucket}/") if bucket else BEFORE
    while found := next((name for name in before if bare.casefold().startswith(name.casefold())), None):
        bare = bare[len(found) :]
    return bare + folder if bare else folder
