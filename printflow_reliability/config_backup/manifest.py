"""A copy's manifest: which files it holds, with permissions and keyed hashes, and what it lacks; no content.

It is written last, so that an object without a manifest is no copy. It is not encrypted: whoever looks after copies
need not be able to read them. It names paths, and no sizes: the length of a password is nobody's business.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from printflow_reliability.config_backup.members import Kind, Trouble
from printflow_reliability.locked_objects.versions import Found, StoredCopy

PREFIX = "config/"
"""Below which all copies lie in their bucket."""
ARCHIVE, MANIFEST = ".tar.zst.age", ".json"
"""How the keys of a copy and of its manifest end."""
FORMAT = 1
"""The version of the manifest's form; a reader refuses a newer one."""


@dataclass(frozen=True)
class Entry:
    """One member of the archive.

    Attributes:
        path: in the archive; what is no text is escaped.
        kind: file, directory or link.
        mode: permission bits in octal.
        owner, group: names; numbers where none is known.
        fingerprint: keyed hash of the content; None where it changes every day, as queues do.
    """

    path: str
    kind: Kind
    mode: str
    owner: str
    group: str
    fingerprint: str | None


@dataclass(frozen=True)
class Manifest:
    """What is known of one whole copy.

    Attributes:
        key, version_id: the object.
        bytes, sha256: of the object, as it was sent.
        archive_bytes: of the tar archive, before compression.
        taken_at: when it was begun (UTC).
        locked_until: until when Object Lock keeps it, as the store said.
        recipients: the public keys of those who can read it.
        seconds: how long it took.
        name: what the copies of that machine are called.
        host: the machine that made it.
        config: where printflow.toml lay on that machine.
        secret_id: tells which fingerprint secret the hashes are of.
        entries: what it holds, in the archive's order.
        troubles: what it lacks.
        redis: keys that were copied, by the name of each Redis.
        dumps: keys of the dumps of our own memory that were made with it, by "cluster/database".
    """

    key: str
    version_id: str
    bytes: int
    sha256: str
    archive_bytes: int
    taken_at: datetime
    locked_until: datetime
    recipients: tuple[str, ...]
    seconds: float
    name: str
    host: str
    config: str
    secret_id: str
    entries: tuple[Entry, ...]
    troubles: tuple[Trouble, ...]
    redis: Mapping[str, int]
    dumps: Mapping[str, str]
    format: int = field(default=FORMAT)

    @property
    def manifest_key(self) -> str:
        """The key of the manifest itself."""
        return self.key.removesuffix(ARCHIVE) + MANIFEST

    @property
    def files(self) -> int:
        """How many files it holds."""
        return sum(entry.kind is Kind.FILE for entry in self.entries)

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self), indent=1, default=datetime.isoformat) + "\n"


StoredConfig = StoredCopy[Manifest]
"""A copy with a manifest."""
Copies = Found[Manifest]
"""All that lies below the prefix."""
_MANIFEST = TypeAdapter(Manifest)


def parse(text: bytes) -> Manifest:
    """A stored manifest.

    Raises:
        ValueError: it is none, or a newer program's.
    """
    try:
        document: Any = json.loads(text)
        if isinstance(document, dict) and document.get("format", FORMAT) != FORMAT:
            raise ValueError(f"has form {document['format']}, and this program reads form {FORMAT}")
        manifest = _MANIFEST.validate_python(document)
    except ValidationError:
        raise ValueError("is no manifest of a configuration's copy") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("is no manifest of a configuration's copy") from None
    if manifest.taken_at.tzinfo is None or manifest.locked_until.tzinfo is None:
        raise ValueError("has times without a time zone")
    return manifest


def folder(name: str) -> str:
    """Below which the copies of one machine lie."""
    return f"{PREFIX}{name}/"


def new_key(name: str, taken_at: datetime) -> str:
    """The key of a new copy; two that begin in the same second differ."""
    moment = taken_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{folder(name)}{moment}-{secrets.token_hex(3)}{ARCHIVE}"
