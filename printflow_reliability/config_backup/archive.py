"""Reading a copy: fetched, authenticated and decrypted whole, then member by member.

What is decrypted lies in a file without a name, which is gone with the process, however that ends.
"""

import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyrage
import zstandard

from printflow_reliability.config_backup.manifest import Manifest
from printflow_reliability.config_backup.members import Kind, Member
from printflow_reliability.config_backup.tar import TYPES
from printflow_reliability.errors import ConfigError
from printflow_reliability.locked_objects.decryption import CHUNK, DamagedObject, decrypt
from printflow_reliability.locked_objects.store import LockedStore

KINDS = {kind: name for name, kind in TYPES.items()} | {tarfile.AREGTYPE: Kind.FILE}


@dataclass(frozen=True)
class Opened:
    """A copy that was authenticated and decrypted."""

    manifest: Manifest
    compressed: IO[bytes]

    def members(self) -> Iterator[Member]:
        """Every member, in the archive's order; it can be read as often as wanted.

        Raises:
            DamagedObject: it is no archive of ours, or does not hold as much as was sent.
        """
        self.compressed.seek(0)
        with zstandard.ZstdDecompressor().stream_reader(self.compressed, read_size=CHUNK, closefd=False) as content:
            try:
                stream = cast(IO[bytes], content)
                with tarfile.open(fileobj=stream, mode="r|", encoding="utf-8", errors="surrogateescape") as archive:
                    for info in archive:
                        yield self._member(archive, info)
                while content.read(CHUNK):
                    pass  # the checksum of zstd stands at the end
            except (tarfile.TarError, zstandard.ZstdError, EOFError) as broken:
                raise DamagedObject(f"{self.manifest.key} cannot be read as an archive: {broken}") from None
            if content.tell() != self.manifest.archive_bytes:
                raise DamagedObject(
                    f"{self.manifest.key} holds {content.tell():,} bytes, and {self.manifest.archive_bytes:,} were sent"
                )

    def _member(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
        kind = KINDS.get(info.type)
        if kind is None:
            raise DamagedObject(f"{self.manifest.key} holds what no copy of ours does: a member of type {info.type!r}")
        content = b""
        if kind is Kind.LINK:
            content = info.linkname.encode("utf-8", "surrogateescape")
        elif kind is Kind.FILE and (file := archive.extractfile(info)) is not None:
            content = file.read()
        return Member(
            info.name.rstrip("/"), kind, content, info.mode, info.uid, info.gid, info.uname, info.gname, info.mtime
        )


@contextmanager
def opened(
    store: LockedStore, manifest: Manifest, identities: Sequence[pyrage.x25519.Identity], beside: Path
) -> Iterator[Opened]:
    """A copy, decrypted for the block.

    Args:
        store: the bucket.
        manifest: of the copy.
        identities: secret keys, one of which must fit.
        beside: a directory on the file system that has room for it.

    Raises:
        ConfigError: none of the keys fits, or nothing can be written there.
        DamagedObject: it is not what was sent.
        CouldNotTell: the bucket does not answer.
    """
    try:
        file = tempfile.TemporaryFile(dir=beside)  # noqa: SIM115 - only its making is tried here
    except OSError as refused:
        raise ConfigError(f"{beside} cannot be written to: {refused.strerror}", "name another directory") from None
    with file:
        decrypt(store, manifest, identities, cast(IO[bytes], file))
        yield Opened(manifest, cast(IO[bytes], file))
