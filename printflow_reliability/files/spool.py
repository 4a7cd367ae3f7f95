"""What does not fit in memory: candidates and findings wait in temporary files, one JSON document a line.

A findings file bears its name only when it is complete: it is written beside it, forced to disk, then renamed.
"""

import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Generic, Self, TypeVar

from printflow_reliability.errors import ConfigError
from printflow_reliability.findings import Finding, Severity

IN_MEMORY_BYTES = 4 * 1024**2
T = TypeVar("T")


class Spool(Generic[T]):
    """A list on disk: append, then read as often as needed. Small ones never leave memory."""

    def __init__(self, pack: Callable[[T], Any], unpack: Callable[[Any], T]) -> None:
        self._pack = pack
        self._unpack = unpack
        self._file: IO[str] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by close()
            IN_MEMORY_BYTES, "w+", encoding="utf-8", newline="\n", prefix="printflow-"
        )
        self._count = 0

    def append(self, item: T) -> None:
        """Add one at the end."""
        self._file.write(json.dumps(self._pack(item)) + "\n")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """All of them in the order they came; nothing may be appended while one reads."""
        self._file.seek(0)
        for line in self._file:
            yield self._unpack(json.loads(line))
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Free the disk."""
        self._file.close()


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most this many."""
    coming = iter(items)
    while batch := list(itertools.islice(coming, size)):
        yield batch


class FindingsFile:
    """Findings, one JSON document a line: in a file of the caller's, or in a temporary one.

    Leaving the block by an exception, or without `complete()`, leaves no file behind.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._complete = False

    def __enter__(self) -> Self:
        if self.path is None:
            self._file: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="printflow-findings-")
            return self
        if (
            self.path.exists() and not self.path.is_file()
        ):  # giving it its name would replace a device, such as /dev/null
            raise ConfigError(f"the findings file {self.path} cannot be written: it is there, and is no plain file")
        self._partial = self.path.with_name(f"{self.path.name}.partial")
        try:
            self._file = self._partial.open("w+", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"the findings file {self.path} cannot be written: {error.strerror}") from None
        return self

    def write(self, finding: Finding) -> None:
        """Add one finding."""
        self._file.write(json.dumps(finding.as_json(), ensure_ascii=False) + "\n")

    def __iter__(self) -> Iterator[Finding]:
        self._file.flush()
        self._file.seek(0)
        for line in self._file:
            document = json.loads(line)
            yield Finding(**(document | {"severity": Severity(document["severity"])}))
        self._file.seek(0, os.SEEK_END)

    def complete(self) -> None:
        """The pass went through to its end: give the file its name."""
        self._file.flush()
        if self.path is not None:
            os.fsync(self._file.fileno())
            self._partial.replace(self.path)
        self._complete = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self.path is not None and not self._complete:
            self._partial.unlink(missing_ok=True)
