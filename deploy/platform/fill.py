#!/usr/bin/env python3
"""Fill a template of this directory: each @NAME@ becomes the text of the file NAME of a directory of values.

    fill.py VALUES TEMPLATE TARGET

VALUES is what a store of secrets gives: a directory with a file for each name, as systemd's credentials and mounted
secrets are. No value is an argument or is printed. TARGET is for its owner alone (mode 0600) until you say otherwise,
and is there whole or not at all. Needs Python and nothing else.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")


def filled(template: str, values: Path) -> str:
    """The template with its values; raises ValueError where a value is missing, empty, or of more than a line."""
    found: dict[str, str] = {}
    for name in sorted(set(PLACEHOLDER.findall(template))):
        try:
            value = (values / name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{values / name} cannot be read; write the value of @{name}@ there") from None
        if not value or "\n" in value or "\r" in value:
            raise ValueError(f"{values / name} must hold a value of a line")
        found[name] = value
    return PLACEHOLDER.sub(lambda match: found[match[1]], template)


def main(arguments: list[str]) -> int:
    """Fill a template; 2 where that cannot be done, and TARGET is then as it was."""
    if len(arguments) != 3:
        print("usage: fill.py VALUES TEMPLATE TARGET", file=sys.stderr)
        return 2
    values, template, target = map(Path, arguments)
    try:
        text = filled(template.read_text(encoding="utf-8"), values)
        descriptor, partial = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(partial).replace(target)
    except (OSError, ValueError) as refused:
        print(f"{template} was not filled: {refused}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
