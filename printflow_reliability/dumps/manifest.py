"""A dump's manifest: what the snapshot held, what was sent, and for how long nobody can delete it.

It is written last, so that an object without a manifest is no dump. It is not encrypted: whoever looks after dumps need
not be able to read them. It names tables and counts their rows, and holds no value of any row.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

PREFIX = "dumps/"
"""Below which all dumps lie in their bucket."""
DUMP, MANIFEST = ".dump.zst.age", ".json"
"""How the keys of a dump and of its manifest end."""
FORMAT = 1
"""The version of the manifest's form; a reader refuses a newer one."""
LONGEST_NAME = 60


@dataclass(frozen=True)
class Content:
    """What the snapshot held.

    Attributes:
        tables: rows by "schema.table"; of every table whose rows the archive has.
        uncounted: tables whose rows could not be counted, and why.
        large_objects: how many there are.
        database_bytes: size of the database on disk, indexes included.
        server_version: as PostgreSQL numbers it, such as 150014.
        encoding, collate, ctype: of the database; a database made for a restore needs the same.
        search_path: where sessions of the database look for names, which queries of printflow.toml rely on; empty in
            dumps of older programs.
    """

    tables: Mapping[str, int]
    uncounted: Mapping[str, str]
    large_objects: int
    database_bytes: int
    server_version: int
    encoding: str
    collate: str
    ctype: str
    search_path: str = ""

    @property
    def major(self) -> int:
        """PostgreSQL's major version, whose pg_restore reads the archive."""
        return self.server_version // 10000

    @property
    def rows(self) -> int:
        """Rows of all tables that were counted."""
        return sum(self.tables.values())


@dataclass(frozen=True)
class Manifest:
    """What is known of one whole dump.

    Attributes:
        cluster, database: what was dumped.
        key, version_id: the object.
        bytes, sha256: of the object, as it was sent.
        archive_bytes: of pg_dump's archive, before compression.
        taken_at: when its snapshot was taken (UTC).
        retention: its retention class: daily, weekly or monthly.
        locked_until: until when Object Lock keeps it, as the store said.
        recipients: the public keys of those who can read it.
        seconds: how long dumping and sending took.
    """

    cluster: str
    database: str
    key: str
    version_id: str
    bytes: int
    sha256: str
    archive_bytes: int
    taken_at: datetime
    retention: str
    locked_until: datetime
    recipients: tuple[str, ...]
    seconds: float
    content: Content
    format: int = field(default=FORMAT)

    @property
    def manifest_key(self) -> str:
        """The key of the manifest itself."""
        return self.key.removesuffix(DUMP) + MANIFEST

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self), indent=1, default=datetime.isoformat) + "\n"


_MANIFEST = TypeAdapter(Manifest)


def parse(text: bytes) -> Manifest:
    """A stored manifest.

    Raises:
        ValueError: it is none, or a newer program's.
    """
    try:
        document: Any = json.loads(text)
        manifest = _MANIFEST.validate_python(document)
    except (ValidationError, ValueError, RecursionError):
        raise ValueError("is no manifest of a dump") from None
    if manifest.format != FORMAT:
        raise ValueError(f"has form {manifest.format}, and this program reads form {FORMAT}")
    if manifest.taken_at.tzinfo is None or manifest.locked_until.tzinfo is None:
        raise ValueError("has times without a time zone")
    return manifest


def folder(cluster: str, database: str) -> str:
    """Below which the dumps of a database lie, whatever characters its name holds."""
    return f"{PREFIX}{spelled(cluster)}/{spelled(database)}/"


def new_key(cluster: str, database: str, taken_at: datetime, retention: str) -> str:
    """The key of a new dump; two that begin in the same second differ."""
    moment = taken_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{folder(cluster, database)}{moment}-{retention}-{secrets.token_hex(3)}{DUMP}"


def spelled(name: str) -> str:
    """A name as keys have it: stores differ in what they make of other characters."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:LONGEST_NAME]
    if plain == name and plain.strip("."):
        return plain
    return f"{plain.strip('.') or '_'}-{hashlib.sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
