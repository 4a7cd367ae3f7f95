"""Reading a dump: fetched, authenticated and decrypted whole before anybody sees a byte of it, then streamed."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyrage
import zstandard

from printflow_reliability.dumps.manifest import Manifest
from printflow_reliability.dumps.workplace import require_room
from printflow_reliability.locked_objects.decryption import CHUNK, DamagedObject, decrypt
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.piped import piped
from printflow_reliability.programs import Programs

COMPRESSED = "archive.zst"


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
            DamagedObject: the archive is not as long as what pg_dump wrote.
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
            raise DamagedObject(f"{self.manifest.key} cannot be decompressed: {feeding.problem}")
        if feeding.bytes != self.manifest.archive_bytes:
            raise DamagedObject(
                f"{self.manifest.key} holds {feeding.bytes:,} bytes of an archive, and pg_dump wrote "
                f"{self.manifest.archive_bytes:,}"
            )


def fetch(store: LockedStore, manifest: Manifest, identities: Sequence[pyrage.x25519.Identity], place: Path) -> Archive:
    """Fetch a dump, authenticate and decrypt it.

    Args:
        store: the bucket.
        manifest: of the dump.
        identities: secret keys, one of which must fit.
        place: a directory of ours; its mode is 0700.

    Raises:
        ConfigError: none of the keys fits, or there is no room.
        DamagedObject: it is not what was sent.
        CouldNotTell: the bucket does not answer.
    """
    require_room(place, manifest.bytes, f"dump {manifest.key}")
    target = place / COMPRESSED
    with target.open("xb") as file:
        decrypt(store, manifest, identities, file)
    return Archive(manifest, target)


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
