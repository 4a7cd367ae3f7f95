"""Files that age reads and writes. It tells an error of theirs in words of its own, so that they remember it."""

from typing import Protocol


class Readable(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Writable(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


class Reading:
    """A file to read.

    Attributes:
        bytes: how many were read.
        problem: what went wrong.
    """

    def __init__(self, file: Readable) -> None:
        self.bytes = 0
        self.problem: BaseException | None = None
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Read some bytes."""
        try:
            data = self._file.read(size)
        except BaseException as problem:
            self.problem = problem
            raise
        self.bytes += len(data)
        return data


class Writing:
    """A file to write; `problem` is what went wrong."""

    def __init__(self, file: Writable) -> None:
        self.problem: BaseException | None = None
        self._file = file

    def write(self, data: bytes) -> int:
        """Write some bytes; how many."""
        try:
            return self._file.write(data)
        except BaseException as problem:
            self.problem = problem
            raise

    def flush(self) -> None:
        """Write what is kept back."""
        try:
            self._file.flush()
        except BaseException as problem:
            self.problem = problem
            raise
