"""The documentation of printflow.toml, made of the sections' docstrings and the descriptions of their keys."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from inspect import cleandoc, isclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from printflow_reliability.settings.document import Settings
from printflow_reliability.settings.section import Section

WIDTH = 120
INTRODUCTION = """\
# printflow.toml

<!-- Written by `printflow config reference`. -->

The whole configuration is one TOML file. A command uses the file of `--config`, otherwise that of the environment
variable `PRINTFLOW_CONFIG`, otherwise that of the sandbox of the working directory (`.sandbox/printflow.toml`, or below
`PRINTFLOW_HOME`).

- **Secrets** stay outside the file. Wherever a text may stand, `"env:NAME"` stands for the value of an environment
  variable, and `"file:PATH"` for the content of a file. Such values, and the passwords in them, are replaced by
  `[secret]` in every log, error and alert.
- **Relative paths** start from the directory of the file.
- **Durations** are in seconds, and sizes in bytes.
- **A mistake** (an unknown key, a missing secret, a name that nothing has) ends every command with exit code 2, and the
  message names the key, such as `cluster[0].stanza`.

The smallest complete file:
"""
SMALLEST = """\
[platform]
name = "Print-Flow-360"

[records]
url = "env:PRINTFLOW_RECORDS_URL"

[[cluster]]
name = "live_db"
url = "env:LIVE_DB_URL"
pgbackrest_config = "/etc/pgbackrest/pgbackrest.conf"

[[bucket]]
name = "print-files"
bucket = "printflow360"
region = "eu-west-1"

[tenancy]
cluster = "live_db"
tenants = "SELECT id AS tenant, 'tenants/' || id || '/' AS base_path FROM tenants"

[[reference]]
name = "print-ready file of an order item"
cluster = "live_db"
bucket = "print-files"
kind = "print-ready"
query = \"\"\"
SELECT o.tenant_id AS tenant, 'order ' || o.id AS owner, i.print_ready_file AS key
FROM order_items i JOIN orders o ON o.id = i.order_id\"\"\"

[orders]
cluster = "live_db"
bucket = "print-files"
paid = \"\"\"
SELECT o.id AS "order", o.tenant_id AS tenant, o.paid_at, i.print_ready_file AS key
FROM orders o LEFT JOIN order_items i ON i.order_id = o.id
WHERE o.status = 'paid'\"\"\"
lookup = 'SELECT id AS "order", status FROM orders WHERE id::text = %(order)s'
"""
BOUNDS: Mapping[type, tuple[str, str]] = {
    Ge: ("ge", "at least"),
    Gt: ("gt", "more than"),
    Le: ("le", "at most"),
    Lt: ("lt", "less than"),
}
PLAIN_TYPES: Mapping[object, tuple[str, str]] = {
    bool: ("true or false", "true or false"),
    int: ("integer", "integers"),
    float: ("number", "numbers"),
    str: ("text", "texts"),
    Path: ("path", "paths"),
}
"""What one value of a type is called, and several."""


@dataclass(frozen=True)
class Key:
    """One key of a table.

    Attributes:
        name: as it stands in the file.
        type: what its value is, in words, with its bounds.
        required: whether the table must have it.
        default: its value where it is absent, as JSON has it; None where that is described or nothing.
        description: what it means.
    """

    name: str
    type: str
    required: bool
    default: Any
    description: str


@dataclass(frozen=True)
class Table:
    """One table of the file.

    Attributes:
        header: as it stands in the file: `[orders]`, or `[[cluster]]` where there may be several.
        required: whether the file must have it.
        description: what it is for.
        keys: its keys, in their order.
    """

    header: str
    required: bool
    description: str
    keys: Sequence[Key]


def tables() -> tuple[Table, ...]:
    """Every table of the file, each followed by those within it."""
    return tuple(_tables(Settings, ""))


def as_json() -> Mapping[str, Any]:
    """The documentation for programs."""
    return {"tables": [asdict(table) for table in tables()]}


def as_markdown() -> str:
    """The documentation for people."""
    parts = [f"{INTRODUCTION}\n```toml\n{SMALLEST}```\n"]
    for table in tables():
        need = "required" if table.required else "optional"
        parts.append(f"## `{table.header}`\n\n{_wrapped(f'({need}) {table.description}')}\n")
        parts.append("".join(_item(key) for key in table.keys))
    return "\n".join(parts)


def _tables(section: type[Section], prefix: str) -> Iterator[Table]:
    for name, field in section.model_fields.items():
        if (below := _section_of(field)) is None:
            continue
        path = f"{prefix}{name}"
        header = f"[[{path}]]" if get_origin(field.annotation) is tuple else f"[{path}]"
        keys = [
            Key(
                key, _type(model_field), model_field.is_required(), _default(model_field), model_field.description or ""
            )
            for key, model_field in below.model_fields.items()
            if _section_of(model_field) is None
        ]
        yield Table(header, field.is_required(), cleandoc(below.__doc__ or ""), keys)
        yield from _tables(below, f"{path}.")


def _section_of(field: FieldInfo) -> type[Section] | None:
    """The table, or kind of table, that a field holds; None for a plain key."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isclass(candidate) and issubclass(candidate, Section):
            return candidate
    return None


def _type(field: FieldInfo) -> str:
    bounds = [
        f"{word} {getattr(bound, attribute):g}"
        for bound in field.metadata
        for kind, (attribute, word) in BOUNDS.items()
        if isinstance(bound, kind)
    ]
    bounds += ["not empty" for bound in field.metadata if isinstance(bound, MinLen)]
    return ", ".join([_named(field.annotation), *bounds])


def _named(annotation: Any, *, several: bool = False) -> str:
    """What a value of this type is called."""
    if annotation in PLAIN_TYPES:
        return PLAIN_TYPES[annotation][several]
    if isclass(annotation) and issubclass(annotation, Enum):
        return _choice([member.value for member in annotation])
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return _choice(arguments)
    if get_origin(annotation) is tuple:
        return f"list of {_named(arguments[0], several=True)}"
    if get_origin(annotation) is dict:
        return f"table of {_named(arguments[1], several=True)}"
    # An optional or annotated type, such as that of an address.
    (only,) = (
        argument for argument in arguments[:2] if argument is not NoneType and (isclass(argument) or get_args(argument))
    )
    return _named(only, several=several)


def _choice(values: Sequence[str]) -> str:
    quoted = [f'"{value}"' for value in values]
    return f"only {quoted[0]}" if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _default(field: FieldInfo) -> Any:
    if field.is_required() or field.default in (None, ""):
        return None
    return to_jsonable_python(field.default)


def _item(key: Key) -> str:
    need = "required" if key.required else "optional" if key.default is None else f"default `{json.dumps(key.default)}`"
    return _wrapped(f"- **`{key.name}`** ({key.type}; {need}): {key.description}", indent="  ") + "\n"


def _wrapped(text: str, indent: str = "") -> str:
    return "\n\n".join(
        textwrap.fill(paragraph, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        for paragraph in text.split("\n\n")
    )
