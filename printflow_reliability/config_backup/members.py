"""What a copy is made of: files, directories and links with their permissions, and what could not be read."""

import hashlib
import hmac
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from printflow_reliability.checks import Outcome

FILES, CLUSTERS, REDIS = "files", "clusters", "redis"
"""The folders of the archive: files by their absolute paths, what servers said of themselves, and queues."""
ENVIRONMENT = "environment/variables.env"
"""The values of the variables that printflow.toml names."""
ROLES = "roles.sql"
"""The file of a cluster's folder with its roles."""
RANDOM_LINES = (b"\\restrict ", b"\\unrestrict ")
"""What pg_dumpall writes with a random word in it, each time another."""
PURPOSE = b"printflow_reliability config_backup fingerprints, form 1"


class Kind(StrEnum):
    """What a member is."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"


@dataclass(frozen=True)
class Member:
    """One file, directory or link of the archive.

    Attributes:
        path: in the archive, without a leading slash; bytes that are no UTF-8 as `os.fsdecode` keeps them.
        content: of a file; where a link leads; empty for a directory.
        mode: permission bits.
        uid, gid, owner, group: whose it is, by number and by name; an empty name where none is known.
        modified: seconds since 1970.
        compared: whether a change of it is worth a person's look.
    """

    path: str
    kind: Kind
    content: bytes = field(default=b"", repr=False)
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    owner: str = ""
    group: str = ""
    modified: float = 0.0
    compared: bool = True

    @property
    def steady(self) -> bytes:
        """What of the content stays the same while nobody changes anything."""
        if not self.path.endswith(f"/{ROLES}"):
            return self.content
        return b"".join(line for line in self.content.splitlines(True) if not line.startswith(RANDOM_LINES))


@dataclass(frozen=True)
class Trouble:
    """What is not in a copy, and why.

    Attributes:
        path: of the archive: the member, or the folder, that is missing or not whole.
        outcome: fail for what a person must correct, unknown for what did not answer, warn for what is there in part.
        why: in a sentence.
        absent: whether that is because there is no such file.
    """

    path: str
    outcome: Outcome
    why: str
    absent: bool = False


Parts = Iterator[Member | Trouble]
"""What a source yields, one after the other: nothing that a whole copy needs is in memory at once."""


class Fingerprints:
    """Keyed hashes of contents: who lacks the secret cannot even try guesses."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode("utf-8", "surrogateescape"), PURPOSE, hashlib.sha256)

    @property
    def secret_id(self) -> str:
        """Tells whether two manifests were made with the same secret."""
        return self._hash(b"", b"the secret itself")

    def of(self, member: Member) -> str:
        """A member's hash, in hexadecimal; equal contents at two paths have different ones."""
        return self._hash(f"{member.kind}:{member.path}".encode("utf-8", "surrogateescape"), member.steady)

    def _hash(self, name: bytes, content: bytes) -> str:
        return hmac.new(self._key, name + b"\0" + content, hashlib.sha256).hexdigest()


def permissions(mode: int) -> str:
    """Permission bits as `ls` and `chmod` have them in octal."""
    return f"{stat.S_IMODE(mode):04o}"
