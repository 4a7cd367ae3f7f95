"""Text of databases without an encoding: SQL_ASCII hands out whatever bytes were put in, mostly UTF-8.

Names in shared catalogs are like it everywhere: they have the encoding of the database in which they were given.
"""

import os

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader

WITHOUT = "ascii"
"""What psycopg calls the encoding of a session in which nothing is converted."""
TEXTS = ("text", "varchar", "bpchar", "name", '"char"', 0)
"""The types whose values are text; 0 stands for every type that psycopg does not know."""


class _Text(Loader):
    """UTF-8, with escapes for bytes that are not: no value takes the others' answers away.

    A session that was given an encoding after all decodes by that.
    """

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        encoding = self.connection.info.encoding if self.connection else WITHOUT
        self._encoding = "utf-8" if encoding == WITHOUT else encoding

    def load(self, data: Buffer) -> str:
        return bytes(data).decode(self._encoding, "backslashreplace")


class _Path(Loader):
    """A path as Python has it: a server hands out its bytes, which need not be text in any encoding."""

    def load(self, data: Buffer) -> str:
        return os.fsdecode(bytes(data))


def decode_as_paths(adapted: psycopg.Connection | psycopg.Cursor) -> None:
    """Let a session or a cursor return text as `os.fsdecode` does: paths of the server's host stay what they are."""
    adapted.adapters.register_loader("text", _Path)


def decode_as_text(connection: psycopg.Connection) -> None:
    """Let a session return text for text, as it does in every other encoding; psycopg would return bytes."""
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        connection.execute("SET client_encoding = 'SQL_ASCII'")  # any other is refused for what is not valid in it
    for name in TEXTS if connection.info.encoding == WITHOUT else ("name",):
        connection.adapters.register_loader(name, _Text)
