"""Manifests as pgBackRest writes them, for files that a test makes up."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from printflow_reliability.backups.ledger.manifest import Manifest, parse_manifest

Files = Mapping[str, Mapping[str, Any]]


def sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def written(
    files: Files, *, compression: str = "gz", bundle: bool = False, cipher: bool = False, encoding: str = "utf-8"
) -> bytes:
    """The text of a manifest, with pgBackRest's checksum of it; names are in any encoding."""
    sections: dict[str, dict[str, Any]] = {
        "backrest": {"backrest-format": 5, "backrest-version": "2.45"},
        "backup": {**({"backup-bundle": True} if bundle else {}), "backup-type": "full"},
        "backup:option": {"option-compress-type": compression},
        "backup:target": {"pg_data": {"path": "/var/lib/it's = here", "type": "path"}},
        **({"cipher": {"cipher-pass": "secret"}} if cipher else {}),
        "db": {'Shop "Main" = ü': {"db-id": 16388}},
        "target:file": {name: dict(file) for name, file in files.items()},
        "target:file:default": {"mode": "0640", "user": "postgres"},
    }
    checksum = sha1(compact(sections).encode(encoding))
    lines = []
    for section, entries in sections.items():
        lines += [f"[{section}]", *(f"{key}={compact(value)}" for key, value in entries.items()), ""]
    return "\n".join([*lines, "[backrest]", f'backrest-checksum="{checksum}"', ""]).encode(encoding)


def manifest(label: str, files: Files, *, bundle: bool = False) -> Manifest:
    return parse_manifest(written(files, bundle=bundle), label)
