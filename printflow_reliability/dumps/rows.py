"""How many rows of each table an archive holds: counted in what pg_restore would load, without a server."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from printflow_reliability.dumps.manifest import Content
from printflow_reliability.restore.names import label, text_of
from printflow_reliability.text import counted

IDENTIFIER = rb'(?:"(?:[^"]|"")*"|[^\s"(.]+)'
COPY = re.compile(rb"COPY (" + IDENTIFIER + rb")\.(" + IDENTIFIER + rb") .*FROM stdin;\n", re.DOTALL)
END_OF_COPY = b"\\.\n"
LARGE_OBJECT = b"SELECT pg_catalog.lo_open("
SHOWN = 3
"""Differences that are told; the others are counted."""


@dataclass(frozen=True)
class Rows:
    """What an archive, or a restored database, holds: rows by "schema.table", and large objects."""

    tables: dict[str, int]
    large_objects: int


def count_rows(script: Iterable[bytes], encoding: str) -> Rows:
    """Count the rows of a data-only script.

    Args:
        script: its lines, as pg_restore writes them.
        encoding: Python's name of the database's encoding.
    """
    tables: dict[str, int] = {}
    large_objects = 0
    lines = iter(script)
    for line in lines:
        if line.startswith(LARGE_OBJECT):
            large_objects += 1
        if not line.startswith(b"COPY "):
            continue
        while not line.endswith(b" FROM stdin;\n"):  # a name may hold a newline
            more = next(lines, None)
            if more is None:
                return Rows(tables, large_objects)
            line += more
        found = COPY.fullmatch(line)
        rows = 0
        for row in lines:
            if row == END_OF_COPY:
                break
            rows += 1
        if found is not None:
            schema, name = (text_of(_unquoted(part), encoding) for part in found.groups())
            called = label(schema, name)
            tables[called] = tables.get(called, 0) + rows
    return Rows(tables, large_objects)


def differences(expected: Content, found: Rows) -> list[str]:
    """What is not as the snapshot had it, each in a few words."""
    wrong = []
    for table, rows in expected.tables.items():
        there = found.tables.get(table)
        if there is None:
            wrong.append(f"{table} is missing ({counted(rows, 'row')})")
        elif there != rows:
            wrong.append(f"{table} has {counted(there, 'row')} instead of {rows:,}")
    if found.large_objects != expected.large_objects:
        wrong.append(f"{counted(found.large_objects, 'large object')} instead of {expected.large_objects:,}")
    return wrong


def shortened(wrong: list[str]) -> str:
    """The first differences, and how many more there are."""
    more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    return "; ".join(wrong[:SHOWN]) + more


def _unquoted(name: bytes) -> bytes:
    return name[1:-1].replace(b'""', b'"') if name.startswith(b'"') else name
