"""Reading one stored file and comparing it: a backup's by the sha1 of its stored bytes, WAL by that of its content."""

import bz2
import hashlib
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

import zstandard

from printflow_reliability.backups.ledger.manifest import Manifest, Part, StoredFile, parse_manifest
from printflow_reliability.backups.ledger.plan import MANIFESTS, MISSING, WRONG_SIZE, is_segment
from printflow_reliability.backups.listing import RepositoryFile
from printflow_reliability.backups.pgbackrest import PgBackRest
from printflow_reliability.backups.pgbackrest_errors import RepositoryDamaged
from printflow_reliability.backups.verify_report import BadFile
from printflow_reliability.errors import CouldNotTell
from printflow_reliability.programs import Watches

CHUNK = 1 << 20
FILE_MISSING = 55
"""pgBackRest's exit code for a file that is not there."""
UNMATCHED = "does not match its checksum"
UNUSABLE = "cannot be decrypted or decompressed"


class WholeNeeded(Exception):
    """pgBackRest itself has to read the repository, which it does whole or not at all."""


class Decompressor(Protocol):
    """What the libraries of all compressions have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of what was compressed was reached."""

    def decompress(self, data: bytes, /) -> bytes:
        """Some content."""


def _lz4() -> Any:
    # Only where a repository is compressed so: pgBackRest's default is gz.
    import lz4.frame

    return lz4.frame.LZ4FrameDecompressor()


DECOMPRESSORS: dict[str, Callable[[], Decompressor]] = {
    "gz": lambda: zlib.decompressobj(wbits=31),
    "bz2": bz2.BZ2Decompressor,
    "lz4": _lz4,
    "zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
}
DAMAGE = (zlib.error, zstandard.ZstdError, OSError, EOFError, RuntimeError, ValueError)
"""What they raise at bytes that are no longer what was compressed."""


@dataclass(frozen=True)
class Reader:
    """Reads files of one repository.

    Attributes:
        pgbackrest, repository: whose.
        deadline: when reading ends, by `time.monotonic`.
        watches: end a read whose server says nothing any more.
        stopped: set to end all reads.
    """

    pgbackrest: PgBackRest
    repository: int
    deadline: float
    watches: Watches = ()
    stopped: threading.Event = field(default_factory=threading.Event)

    def compare(self, file: StoredFile, listed: RepositoryFile) -> BadFile | None:
        """Read a file whole; None if it is good.

        Raises:
            CouldNotTell: it could not be fetched, or not in time.
        """
        path = self._path(file.name)
        try:
            if is_segment(file.name):
                problem = self._compare_segment(path, file)
            else:
                with self._stream(path, "--raw") as chunks:
                    problem = compare_parts(chunks, file.parts, listed.size)
        except RepositoryDamaged as damaged:
            problem = MISSING if damaged.exit_code == FILE_MISSING else UNUSABLE
        return BadFile(file.name, problem) if problem else None

    def manifest(self, label: str) -> Manifest:
        """The manifest of a backup, of which the copy says the same.

        Raises:
            WholeNeeded: one of them is damaged or not understood, which pgBackRest can tell apart.
            CouldNotTell: they could not be fetched.
        """
        try:
            texts = [self._whole(self._path(f"{label}/{name}")) for name in MANIFESTS]
            if texts[0] != texts[1]:
                raise WholeNeeded(f"the two manifests of {label} differ")
            return parse_manifest(texts[0], label)
        except (RepositoryDamaged, ValueError) as damaged:
            raise WholeNeeded(str(damaged)) from None

    def _compare_segment(self, path: str, file: StoredFile) -> str | None:
        with self._stream(path) as chunks:
            return compare_content(chunks, path.rpartition(".")[2], file.checksum)

    def _path(self, name: str) -> str:
        return f"{'archive' if is_segment(name) else 'backup'}/{self.pgbackrest.cluster.stanza}/{name}"

    def _whole(self, path: str) -> bytes:
        with self._stream(path) as chunks:
            return b"".join(chunks)

    @contextmanager
    def _stream(self, path: str, *options: str) -> Iterator[Iterator[bytes]]:
        if self.stopped.is_set():
            raise CouldNotTell("this verification was interrupted")
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise CouldNotTell("the time of this verification is over")
        read = self.pgbackrest.program.output(
            "repo-get", *options, path, repository=self.repository, timeout=left, watches=self.watches
        )
        with read as pipe:
            yield self._chunks(pipe)
            # What comes after damage need not be looked at, but the program ends well only when all was taken.
            for _ in self._chunks(pipe):
                pass

    def _chunks(self, pipe: IO[bytes]) -> Iterator[bytes]:
        while chunk := pipe.read(CHUNK):
            if self.stopped.is_set():
                raise CouldNotTell("this verification was interrupted")
            yield chunk


def compare_parts(chunks: Iterator[bytes], parts: tuple[Part, ...], size: int) -> str | None:
    """What is wrong with a file of a backup, of which `size` bytes are listed; None if nothing.

    Args:
        chunks: its stored bytes.
        parts: those with a checksum, in order; bytes between them belong to no file.
        size: how many bytes it must have.
    """
    waiting = list(reversed(parts))
    digest = hashlib.sha1(usedforsecurity=False)
    position, good = 0, True
    for chunk in chunks:
        end = position + len(chunk)
        while waiting and waiting[-1].offset < end:
            part = waiting[-1]
            last = part.offset + part.size
            digest.update(chunk[max(part.offset - position, 0) : last - position])
            if last > end:
                break
            good = good and digest.hexdigest() == part.sha1
            digest = hashlib.sha1(usedforsecurity=False)
            waiting.pop()
        position = end
    if position != size:
        return WRONG_SIZE
    return None if good and all(part.size == 0 for part in waiting) else UNMATCHED


def compare_content(chunks: Iterator[bytes], extension: str, sha1: str | None) -> str | None:
    """What is wrong with a stored segment; None if nothing.

    Args:
        chunks: its stored bytes, decrypted.
        extension: of its name, which tells the compression; any other one than those known means none.
        sha1: that of the segment.
    """
    make = DECOMPRESSORS.get(extension)
    decompressor = make() if make else None
    digest = hashlib.sha1(usedforsecurity=False)
    for chunk in chunks:
        try:
            content = decompressor.decompress(chunk) if decompressor else chunk
        except DAMAGE:
            return UNUSABLE
        digest.update(content)
    if decompressor is not None and not decompressor.eof:
        return UNUSABLE
    return None if digest.hexdigest() == sha1 else UNMATCHED
