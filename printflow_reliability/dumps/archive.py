"""Reading a dump: fetched, authenticated and decrypted whole before anybody sees a byte of it, then streamed.

age tells of tampering only where it happened, after most of the plaintext was written. So a dump is decrypted into a
file first, still compressed, and what reads it begins when every byte is known to be good.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyrage
import zstandard
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from printflow_reliability.dumps.manifest import Manifest
from printflow_reliability.dumps.store import DumpStore
from printflow_reliability.dumps.streams import Reading, Writing
from printflow_reliability.dumps.workplace import require_room
from printflow_reliability.errors import ConfigError, CouldNotTell, PrintflowError
from printflow_reliability.piped import piped
from printflow_reliability.programs import Programs

ATTEMPTS = 5
"""How often a download that broke off is taken up again without having brought a byte."""
CHUNK = 1024**2
COMPRESSED = "archive.zst"
BROKEN = (HTTPError, BotoCoreError, ConnectionError, TimeoutError)


class DamagedDump(CouldNotTell):
    """A dump is not what was sent, or not what an archive must be: certain, and a finding where it is looked for."""


@dataclass(frozen=True)
class Archive:
    """A dump that was authenticated and decrypted.

    Attributes:
        manifest: what is known of it.
        compressed: the file with pg_dump's archive, compressed.
    """

    manifest: Manifest
    compressed: Path

    @contextmanager
    def read_by(
        self,
        programs: Programs,
        *arguments: str,
        timeout: float,
        env: dict[str, str] | None = None,
        watches: Sequence[Callable[[], None]] = (),
    ) -> Iterator[IO[bytes]]:
        """Run pg_restore with the archive as its input, beside the block, which reads its output to the end.

        Args:
            programs: how programs are run.
            arguments: pg_restore's.
            timeout: seconds.
            env: variables on top of a minimal environment.
            watches: called now and then while it runs; what they raise ends it.

        Raises:
            ProgramFailed: pg_restore ended with an error.
            DamagedDump: the archive is not as long as what pg_dump wrote.
            ConfigError: pg_restore of this version is not installed.
        """
        argv = [programs.postgres("pg_restore", self.manifest.content.major), *arguments]
        feeding = _Feeding(self.compressed)
        with piped(programs, argv, timeout=timeout, env=env, fed=True, watches=watches) as process:
            assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
            feeding.into = process.stdin
            feeding.start()
            yield process.stdout
            feeding.join()
        if feeding.problem is not None:
            raise DamagedDump(f"{self.manifest.key} cannot be decompressed: {feeding.problem}")
        if feeding.bytes != self.manifest.archive_bytes:
            raise DamagedDump(
                f"{self.manifest.key} holds {feeding.bytes:,} bytes of an archive, and pg_dump wrote "
                f"{self.manifest.archive_bytes:,}"
            )


def fetch(store: DumpStore, manifest: Manifest, identities: Sequence[pyrage.x25519.Identity], place: Path) -> Archive:
    """Fetch a dump, authenticate and decrypt it.

    Args:
        store: the bucket.
        manifest: of the dump.
        identities: secret keys, one of which must fit.
        place: a directory of ours; its mode is 0700.

    Raises:
        ConfigError: none of the keys fits, or there is no room.
        DamagedDump: it is not what was sent.
        CouldNotTell: the bucket does not answer.
    """
    require_room(place, manifest.bytes, f"dump {manifest.key}")
    target = place / COMPRESSED
    body = _Body(store, manifest)
    source = Reading(body)
    with target.open("xb") as file:
        sink = Writing(file)
        try:
            pyrage.decrypt_io(source, sink, list(identities))
        except (pyrage.DecryptError, OSError) as refused:
            if (problem := source.problem or sink.problem) is not None:
                raise problem from None
            # A header that was changed fits no key either, as the checksum of the whole tells.
            while source.read(CHUNK):
                pass
            raise _refused(refused, manifest, changed=body.sha256 != manifest.sha256) from None
    if source.bytes != manifest.bytes or body.sha256 != manifest.sha256:
        raise DamagedDump(f"{manifest.key} is not what was sent: its checksum is another than its manifest's")
    return Archive(manifest, target)


def _refused(error: Exception, manifest: Manifest, *, changed: bool) -> PrintflowError:
    """What to say of a dump that age does not decrypt."""
    if not changed and "no matching keys" in str(error).lower():
        return ConfigError(
            f"dumps.identity_file: its key does not fit {manifest.key}, which was encrypted for "
            f"{', '.join(manifest.recipients)}",
            "name the file with the secret key of one of these recipients",
        )
    return DamagedDump(f"{manifest.key} was changed or cut off since it was sent: age refuses it ({error})")


class _Body:
    """A stored object as a file to read, which goes on where a connection broke."""

    def __init__(self, store: DumpStore, manifest: Manifest) -> None:
        self._store, self._manifest = store, manifest
        self._hash = hashlib.sha256()
        self._at = 0
        self._body: Any = None

    @property
    def sha256(self) -> str:
        """Of what was read, which is all of it once decryption has ended well."""
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        data = self._read(size)
        self._hash.update(data)
        self._at += len(data)
        return data

    def _read(self, size: int) -> bytes:
        if self._at >= self._manifest.bytes:
            return b""
        for attempt in range(ATTEMPTS):
            try:
                if self._body is None:
                    self._body = self._open()
                if data := self._body.read(size):
                    return bytes(data)
            except BROKEN:
                if attempt == ATTEMPTS - 1:
                    with self._store.errors():
                        raise
            self._body = None
        raise DamagedDump(f"{self._manifest.key} ends after {self._at:,} bytes, and {self._manifest.bytes:,} were sent")

    def _open(self) -> Any:
        with self._store.errors():
            try:
                answer = self._store.client.get_object(
                    Bucket=self._store.bucket.bucket,
                    Key=self._manifest.key,
                    VersionId=self._manifest.version_id,
                    Range=f"bytes={self._at}-",
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "NoSuchVersion", "404"):
                    raise DamagedDump(f"{self._manifest.key} is not in the bucket any more") from None
                raise
        return answer["Body"]


class _Feeding(threading.Thread):
    """Decompresses an archive into a program's input."""

    def __init__(self, compressed: Path) -> None:
        super().__init__(daemon=True)
        self.into: IO[bytes] | None = None
        self.bytes = 0
        self.problem: str | None = None
        self._compressed = compressed

    def run(self) -> None:
        assert self.into is not None  # noqa: S101 - it is set before the start
        try:
            with (
                self._compressed.open("rb") as file,
                zstandard.ZstdDecompressor().stream_reader(file, read_size=CHUNK) as archive,
            ):
                while chunk := archive.read(CHUNK):
                    self.into.write(chunk)
                    self.bytes += len(chunk)
        except BrokenPipeError:
            return  # the program has ended, and says why itself
        except (zstandard.ZstdError, OSError, ValueError) as problem:
            self.problem = str(problem)
        finally:
            with suppress(OSError):
                self.into.close()
