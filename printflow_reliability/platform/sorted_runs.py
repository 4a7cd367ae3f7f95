"""Streams that are read one after the other and wanted in one order: each waits in a temporary file, then all merge.

A platform with a thousand databases has one connection of ours at a time, and this process one open file.
"""

import heapq
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

BLOCK_BYTES = 32 * 1024
"""Of each run so much is in memory."""


class SortedRuns:
    """Rows in runs, each in the order of its rows; a row begins with what it is sorted by."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="printflow-runs-")  # noqa: SIM115 - closed by __exit__
        self._runs: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Keep one run; where reading it fails, nothing of it is kept."""
        begin = self._file.tell()
        try:
            for row in rows:
                self._file.write(json.dumps(row).encode() + b"\n")
        except BaseException:
            self._file.seek(begin)
            self._file.truncate()
            raise
        self._runs.append((begin, self._file.tell()))

    def merged(self) -> Iterator[list[Any]]:
        """The rows of all runs in one order."""
        self._file.flush()
        yield from heapq.merge(*(self._rows(*run) for run in self._runs), key=lambda row: row[0])

    def _rows(self, place: int, end: int) -> Iterator[list[Any]]:
        left = b""
        while place < end:
            block = os.pread(self._file.fileno(), min(BLOCK_BYTES, end - place), place)
            place += len(block)
            *lines, left = (left + block).split(b"\n")
            yield from map(json.loads, lines)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
