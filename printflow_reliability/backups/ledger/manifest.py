"""A backup's manifest: the files that pgBackRest stored for it, and the sha1 of the bytes as they lie there.

That checksum (`rck`) is of what is stored, so that neither the passphrase nor a decompressor is needed to compare it,
nor the parts of a block incremental to be put together. Of a bundle every part has its own.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BUNDLES = "bundle/"
BLOCKS = ".pgbi"
"""How the name of a file ends of which blocks are stored, whatever they are compressed with."""
EXTENSIONS = {"none": "", "gz": ".gz", "bz2": ".bz2", "lz4": ".lz4", "zst": ".zst"}
EMPTY = hashlib.sha1(b"", usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Part:
    """Bytes of a stored file with a checksum of their own; `sha1` is None where the manifest names none of them."""

    offset: int
    size: int
    sha1: str | None


@dataclass(frozen=True)
class StoredFile:
    """A file that should be in the repository.

    Attributes:
        name: below the stanza's backups ("20261124-041759F/pg_data/PG_VERSION.gz") or archive ("15-1/...").
        size: stored bytes; those that a bundle has at least.
        checksum: sha1 of what it holds; for a bundle one of the checksums of its parts. None where pgBackRest alone can
            say whether the file is good.
        files: the files of the cluster in it.
        parts: of a backup's file, in order; none for WAL.
    """

    name: str
    size: int
    checksum: str | None
    files: int = 1
    parts: tuple[Part, ...] = ()

    @property
    def is_bundle(self) -> bool:
        """Whether it holds many files, and perhaps bytes that none of them needs."""
        return self.name.partition("/")[2].startswith(BUNDLES)

    def has_size(self, size: int) -> bool:
        """Whether that many stored bytes can be this file."""
        return size >= self.size if self.is_bundle else size == self.size


@dataclass(frozen=True)
class Manifest:
    """What a backup stored itself; what it takes from earlier backups stands in theirs.

    Attributes:
        checksum: the one that pgBackRest wrote into it.
        files: without those that an earlier backup holds.
    """

    checksum: str
    files: tuple[StoredFile, ...]


def parse_manifest(content: bytes, label: str) -> Manifest:
    """Read the manifest of a backup.

    Args:
        content: the file, decrypted.
        label: the backup's.

    Raises:
        ValueError: it is damaged, or not understood.
    """
    sections: dict[str, dict[str, Any]] = {}
    digest, current, written = hashlib.sha1(b"{", usedforsecurity=False), "", ""
    for section, key, value in _lines(content.decode("utf-8", "surrogateescape")):
        current = section
        sections.setdefault(section, {})[key] = json.loads(value)
        if (section, key) == ("backrest", "backrest-checksum"):
            continue
        # pgBackRest's own checksum is that of the same entries as one JSON document.
        before = "," if current == written else f"{'},' if written else ''}{_quoted(current)}:{{"
        written = current
        digest.update(f"{before}{_quoted(key)}:{value}".encode("utf-8", "surrogateescape"))
    digest.update(b"}}")
    checksum = sections.get("backrest", {}).get("backrest-checksum")
    if checksum != digest.hexdigest():
        raise ValueError(f"the manifest of {label} does not match its own checksum")
    try:
        return Manifest(checksum, tuple(_stored(sections, label)))
    except (KeyError, TypeError, AttributeError) as unknown:
        raise ValueError(f"the manifest of {label} is not understood ({unknown!r})") from None


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    section = ""
    for line in text.split("\n"):
        if line.startswith("[") and line.endswith("]") and "=" not in line:
            section = line[1:-1]
        elif line:
            yield (section, *_entry(line))


def _entry(line: str) -> tuple[str, str]:
    """Key and value; a key may hold "=", and a value is JSON."""
    at = line.find("=")
    while at >= 0:
        try:
            json.loads(line[at + 1 :])
        except ValueError:
            at = line.find("=", at + 1)
            continue
        return line[:at], line[at + 1 :]
    raise ValueError("a line of the manifest is no key and value")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _stored(sections: Mapping[str, Mapping[str, Any]], label: str) -> Iterator[StoredFile]:
    extension = EXTENSIONS[sections["backup:option"]["option-compress-type"]]
    bundled = sections["backup"].get("backup-bundle", False)
    # Stored as they are: the checksum of what they hold is that of the stored bytes too.
    plain = not extension and "cipher" not in sections
    bundles: dict[int, list[Part]] = {}
    for key, file in sections["target:file"].items():
        if "reference" in file or (bundled and file["size"] == 0 and "bni" not in file):
            continue
        content = file.get("checksum", EMPTY if file["size"] == 0 else None)
        sha1 = file.get("rck", content if plain and "bi" not in file else None)
        size = file.get("repo-size", file["size"])
        if "bni" in file:
            bundles.setdefault(file["bni"], []).append(Part(file.get("bno", 0), size, sha1))
            continue
        name = key.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        # A name that is no text cannot be asked for: pgBackRest reads such a file itself.
        checksum = None if "\ufffd" in name else sha1
        stored = f"{label}/{name}{BLOCKS if 'bi' in file else extension}"
        yield StoredFile(stored, size, checksum, parts=(Part(0, size, sha1),))
    for number, parts in bundles.items():
        yield _bundle(f"{label}/{BUNDLES}{number}", tuple(sorted(parts, key=lambda part: part.offset)))


def _bundle(name: str, parts: tuple[Part, ...]) -> StoredFile:
    digest = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        digest.update(f"{part.offset} {part.size} {part.sha1}\n".encode())
    known = all(part.sha1 for part in parts)
    size = max(part.offset + part.size for part in parts)
    return StoredFile(name, size, digest.hexdigest() if known else None, len(parts), parts)
