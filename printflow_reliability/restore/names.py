"""Names as a database stores them, which need not be text in any encoding, and as people and records read them.

A session of the fence converts nothing: names come as bytes and go back as the same bytes, whatever the encoding.
"""

import codecs

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader

TEXTS = ("text", "varchar", "bpchar", "name")


class _Bytes(Loader):
    """Text as the bytes that the server sent."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def convert_nothing(connection: psycopg.Connection) -> None:
    """Have a session hand out text as bytes; statements and parameters may be bytes of its own encoding."""
    connection.execute("SET client_encoding = 'SQL_ASCII'")
    for name in TEXTS:
        connection.adapters.register_loader(name, _Bytes)


def encoding_of(connection: psycopg.Connection) -> str:
    """Python's name of a database's encoding; UTF-8 where there is none, or none that Python knows."""
    return encoding_named(connection.info.parameter_status("server_encoding") or "")


def encoding_named(server_encoding: str) -> str:
    """Python's name of what a server calls an encoding; UTF-8 for none, or one that Python does not know."""
    name = server_encoding.lower()
    if name.startswith("win") and name[3:].isdigit():
        name = f"cp{name[3:]}"
    try:
        return codecs.lookup("koi8_r" if name == "koi8r" else name).name
    except LookupError:
        return "utf-8"


def text_of(name: bytes, encoding: str) -> str:
    """A name to read; bytes that are not valid in its encoding are escaped."""
    return name.decode(encoding, "backslashreplace")


def label(schema: str, table: str) -> str:
    """How counts and findings call a table: schema.table; quoted where a dot in a name could mean another table."""
    return ".".join(_unmistakable(name) for name in (schema, table))


def _unmistakable(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"' if "." in name or '"' in name else name


def quoted(*names: bytes) -> bytes:
    """An identifier for a statement. In no encoding of a server is a quote a part of another character."""
    return b".".join(b'"' + name.replace(b'"', b'""') + b'"' for name in names)


def literal(text: bytes) -> bytes:
    """A string for a statement, where standard_conforming_strings is on."""
    return b"'" + text.replace(b"'", b"''") + b"'"
