"""The forms in which a secret reaches text: encoded, escaped, quoted, as part of a header or an address."""

import base64
import html
import json
import shlex
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

FORMS: Mapping[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "in capitals": lambda secret: secret.upper() if secret.isascii() else secret,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "percent-encoded in small letters": lambda secret: _small(quote(secret, safe="")),
    "every character percent-encoded": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "percent-encoded twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "of a form": quote_plus,
    "of a path": quote,
    "JSON": lambda secret: json.dumps({"password": secret}),
    "JSON in Unicode": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON within JSON": lambda secret: json.dumps(json.dumps({"a": [secret]})),
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "HTML": html.escape,
    "HTML by number": lambda secret: "".join(f"&#{ord(character)};" for character in secret),
    "SQL": lambda secret: "'" + secret.replace("'", "''") + "'",
    "a shell's word": shlex.quote,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "basic auth": lambda secret: base64.b64encode(f"app:{secret}".encode()).decode(),
    "basic auth, percent-encoded": lambda secret: quote(base64.b64encode(f"u:{secret}".encode()).decode(), safe=""),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "hexadecimal in capitals": lambda secret: secret.encode().hex().upper(),
    "the password of an address": lambda secret: f"postgresql://app:{quote(secret, safe='')}@db.example/shop",
}


def _small(text: str) -> str:
    return "".join(f"%{part[:2].lower()}{part[2:]}" if n else part for n, part in enumerate(text.split("%")))


def shown(text: str, secret: str, least: int = 8) -> bool:
    """Whether text, once it is decoded again and again, still shows so much of a secret."""
    from urllib.parse import unquote

    texts = [text, html.unescape(text), unquote(text), unquote(unquote(text)), _unescaped(text)]
    parts = {secret[start : start + least] for start in range(max(len(secret) - least, 0) + 1)}
    return any(part in each for each in texts for part in parts)


def _unescaped(text: str) -> str:
    try:
        return text.encode("ascii", "backslashreplace").decode("unicode_escape")
    except UnicodeDecodeError:
        return text
