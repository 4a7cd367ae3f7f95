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


FOR_URLS = str.maketrans("+/=", "-_ ")
WITHIN: Mapping[str, Callable[[str], str]] = {
    "JSON in base64": lambda secret: _base64(json.dumps({"row": {"password": secret}})),
    "JSON in Unicode in base64 for URLs": lambda secret: _base64(json.dumps([secret])).translate(FOR_URLS),
    "an address in base64": lambda secret: _base64(f"postgresql://app:{quote(secret, safe='')}@db.example/shop"),
    "base64 in base64": lambda secret: _base64(_base64(f"app:{secret}")),
    "base64 in hexadecimal": lambda secret: _base64(f"a{secret}").encode().hex(),
    "hexadecimal in base64": lambda secret: _base64(secret.encode().hex()),
    "UTF-16 in base64": lambda secret: base64.b64encode(f"run {secret}".encode("utf-16-le")).decode(),
    "base64 behind a path": lambda secret: f"/v1/x/{_base64(json.dumps({'key': secret, 'more': 'words'}))}",
    "base64 in JSON, percent-encoded": lambda secret: quote(json.dumps({"a": _base64(f"u:{quote(secret)}")})),
    "octal": lambda secret: "".join(f"\\{byte:03o}" for byte in secret.encode()),
    "a list of bytes": lambda secret: repr(list(f"x{secret}".encode())),
    "hexadecimal numbers": lambda secret: ", ".join(f"0x{byte:02x}" for byte in secret.encode()),
    "a dump in hexadecimal": lambda secret: secret.encode().hex(" ", 2),
    "hexadecimal with colons": lambda secret: secret.encode().hex(":").upper(),
    "base64 over lines": lambda secret: base64.encodebytes(f"{'x' * 50}{secret}".encode()).decode().strip(),
    "base64 over lines of JSON": lambda secret: json.dumps(_wrapped(_base64(f"ab{secret}"), 10, "\n")),
    "base64 over indented lines": lambda secret: _wrapped(_base64(f"a{secret}"), 9, "\r\n    "),
    "base64 over quoted lines": lambda secret: _wrapped(_base64(secret), 8, "\n> "),
    "base64 over arguments": lambda secret: _wrapped(_base64(secret), 7, "', '"),
    "JSON in base64 over lines": lambda secret: _wrapped(_base64(json.dumps({"password": secret})), 20, "\n"),
}
"""Forms of forms, and encoded text that something stands within."""
WRAPPED: Mapping[str, Callable[[str], str]] = {
    "over two lines": lambda secret: _wrapped(secret, len(secret) // 2 + 1, "\n"),
    "over two lines of JSON": lambda secret: json.dumps(_wrapped(secret, len(secret) // 2 + 1, "\n")),
    "over lines of a table": lambda secret: _wrapped(secret, 5, " |\n| "),
    "as arguments": lambda secret: repr(_wrapped(secret, len(secret) // 2 + 1, "\n").split("\n")),
    "as a command": lambda secret: shlex.join(["--key", *_wrapped(secret, 9, "\n").split("\n")]),
    "with characters of no width": lambda secret: "\u200b".join(secret),
    "with soft hyphens": lambda secret: _wrapped(secret, 4, "\u00ad"),
    "in groups": lambda secret: _wrapped(secret, 4, " "),
    "percent-encoded over lines": lambda secret: _wrapped(quote(secret, safe=""), 11, "\n"),
    "in capitals over lines": lambda secret: _wrapped(secret.upper(), 6, "\n"),
    "UTF-16": lambda secret: secret.encode("utf-16-le").decode("latin-1"),
}
"""Forms in which something stands between the letters of a secret; it is known by them, if it has enough of them."""


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _wrapped(text: str, width: int, between: str) -> str:
    return between.join(text[start : start + width] for start in range(0, len(text), width))


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
