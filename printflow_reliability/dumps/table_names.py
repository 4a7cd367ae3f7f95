"""Tables as people name them, and as pg_restore and catalogs do."""

import difflib
import re
from collections.abc import Sequence

from printflow_reliability.dumps.manifest import Content
from printflow_reliability.errors import ConfigError

PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')


def named_tables(content: Content, wanted: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The tables of a dump that are wanted: schema and name, by label.

    Args:
        content: of the dump.
        wanted: "schema.table", or "table" where one schema alone has it.

    Raises:
        ConfigError: the dump has no such table, or several.
    """
    found: dict[str, tuple[str, str]] = {}
    for name in wanted:
        labels = [name] if name in content.tables else [label for label in content.tables if parts(label)[1] == name]
        if len(labels) > 1:
            raise ConfigError(f'--table: several tables are called "{name}"', f"name one of: {', '.join(labels)}")
        if not labels:
            close = difflib.get_close_matches(name, content.tables, n=3, cutoff=0.5)
            raise ConfigError(
                f'--table: the dump has no rows of a table "{name}"; a partitioned table has them in its partitions',
                f"use SCHEMA.TABLE{', such as ' + ', '.join(close) if close else ''}",
            )
        found[labels[0]] = parts(labels[0])
    return found


def parts(label: str) -> tuple[str, str]:
    """Schema and name of a table, out of its label."""
    schema, name = (quoted.replace('""', '"') or plain for quoted, plain in PART.findall(label))
    return schema, name
