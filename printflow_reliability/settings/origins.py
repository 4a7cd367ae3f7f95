"""What printflow.toml is made of: the files and variables that it names, which an empty machine would lack."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from printflow_reliability.settings.document import Settings
from printflow_reliability.settings.section import SECRET, Section

TLS_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
"""Parts of a connection string that name files."""
IDENTITY = "identity_file"
"""The one file that no copy may hold: it is what copies are read with."""


@dataclass(frozen=True)
class Origins:
    """What a configuration was read from.

    Attributes:
        files: printflow.toml itself, its secrets' files, and every file that a key of it names.
        variables: the environment variables that it names, with their values.
    """

    files: tuple[Path, ...]
    variables: Mapping[str, str] = field(repr=False)


def origins(settings: Settings, config: Path, environ: Mapping[str, str] | None = None) -> Origins:
    """What these settings, which were read from that file, are made of.

    Raises:
        OSError, ValueError: the file cannot be read any more.
    """
    environ = os.environ if environ is None else environ
    base = config.resolve().parent
    texts = list(_texts(tomllib.loads(config.read_text(encoding="utf-8"))))
    files = [config.resolve(), *(base / text.removeprefix("file:") for text in texts if text.startswith("file:"))]
    files += [path for path in _named(settings) if path.is_file()]
    names = [text.removeprefix("env:") for text in texts if text.startswith("env:")]
    return Origins(
        tuple(dict.fromkeys(path.absolute() for path in files)),
        {name: environ[name] for name in sorted(set(names)) if name in environ},
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _named(section: Section) -> Iterator[Path]:
    """Every path that a key holds, or a connection string of one."""
    for name, value in section:
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Section):
                yield from _named(each)
            elif isinstance(each, Path) and name != IDENTITY:
                yield each
            elif isinstance(each, str) and type(section).model_fields[name].json_schema_extra == SECRET:
                yield from _of_connection(each)


def _of_connection(text: str) -> Iterator[Path]:
    try:
        parts = conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        return
    yield from (Path(str(parts[key])) for key in TLS_FILES if str(parts.get(key) or "").startswith("/"))
