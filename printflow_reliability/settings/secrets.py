"""Secrets of printflow.toml: what stands for them in the file, and which texts must never be shown."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.errors import ConfigError
from printflow_reliability.settings.section import SECRET, Section

SHORTEST_PATH = 8
"""Characters of an address behind its host that are a secret of their own; fewer would be found in any text."""
SHORTEST_PIECE = 16
"""Characters of a part of that which is a secret by itself, if a digit is among them: no word is."""


def resolve(value: Any, key: str, base: Path, environ: Mapping[str, str], secrets: set[str]) -> Any:
    """The value with each "env:NAME" and "file:PATH" replaced; what they held is added to `secrets`.

    Args:
        value: a value of the file, or the whole of it.
        key: where in the file it stands, for errors; empty for the whole.
        base: the directory that relative paths start from.
        environ: the environment variables.
        secrets: filled with what must never be shown.

    Raises:
        ConfigError: a variable is not set, or a file cannot be read or is empty.
    """
    if isinstance(value, dict):
        return {
            name: resolve(inner, f"{key}.{name}" if key else name, base, environ, secrets)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [resolve(inner, f"{key}[{n}]", base, environ, secrets) for n, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    if value.startswith("env:"):
        secret = _of_variable(value.removeprefix("env:"), key, environ)
    elif value.startswith("file:"):
        secret = _of_file(value.removeprefix("file:"), key, base)
    else:
        return value
    secrets.update(_parts(secret))
    return secret


def _of_variable(name: str, key: str, environ: Mapping[str, str]) -> str:
    if not environ.get(name):
        raise ConfigError(f"{key}: the environment variable {name} is not set", f"export {name}=...")
    return environ[name]


def _of_file(name: str, key: str, base: Path) -> str:
    path = base / name
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as unreadable:
        raise ConfigError(
            f"{key}: the secret file {path} cannot be read ({unreadable.strerror})", "create it with mode 0600"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{key}: the secret file {path} is not UTF-8", "write the secret into it") from None
    except ValueError:
        raise ConfigError(f"{key}: the name of the secret file holds a NUL character") from None
    if not secret:
        raise ConfigError(f"{key}: the secret file {path} is empty", "write the secret into it")
    return secret


def written_in(section: Section) -> Iterator[str]:
    """What must never be shown of the values of secret keys, however they came into the file."""
    for name, value in section:
        inner = value if isinstance(value, tuple) else (value,)
        for each in inner:
            if isinstance(each, Section):
                yield from written_in(each)
        if isinstance(value, str) and type(section).model_fields[name].json_schema_extra == SECRET:
            yield from _parts(value)


def _parts(secret: str) -> Iterator[str]:
    """What must never be shown: the value and, of an address, what of it is secret by itself too."""
    yield secret
    if "://" not in secret:
        try:
            password = conninfo_to_dict(secret).get("password") if "=" in secret else None
        except psycopg.ProgrammingError:
            password = None
        if password:
            yield str(password)
        return
    try:
        parts = urlsplit(secret)
    except ValueError:
        return
    if password := parts.password or (parts.username if parts.scheme in ("http", "https") else None):
        yield password
        yield unquote(password)
    behind = secret.partition("://")[2].partition("/")[2]
    if parts.scheme in ("http", "https") and len(behind) >= SHORTEST_PATH:
        yield behind.rstrip("/")
        for piece in re.split(r"[/?&=#]", behind):
            # A log or a proxy may name the end of a path, or one parameter.
            if len(piece) >= SHORTEST_PIECE and any(map(str.isdigit, piece)):
                yield piece
