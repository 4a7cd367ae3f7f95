"""A bucket's objects in the byte order of their keys, proven as they flow.

Everything that compares a bucket with a database in one pass relies on that order, and not every store keeps it:
SeaweedFS lists `1/x` before `1-b/x`, directory buckets promise nothing. Out of order costs a spill and a sort; it never
costs a wrong finding.
"""

import heapq
import itertools
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import IO, NamedTuple, TypeVar

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.side_by_side import OrderBroken
from printflow_reliability.storage.sources import Source

RUN_OBJECTS = 100_000
"""How many objects are sorted in memory at a time; some 30 MB."""
MOST_RUNS = 200
"""How many sorted runs wait in files of their own; systems open some thousand files for a process."""

UNWRITABLE = "\ufffd"
"""Stands in a listing for characters that XML cannot hold; several objects may be listed as one such key."""

T = TypeVar("T")


def read_in_order(source: Source, prefix: str, read: Callable[[Iterator[StoredObject]], T]) -> T:
    """What `read` makes of a listing in the byte order of its keys.

    It gets the listing as it streams; should the order break, it is called once more, on a listing spilled to disk and
    sorted. It must therefore have no effect of its own before it returns.

    Raises:
        CouldNotTell: the listing is incomplete: the store failed, repeated itself or led in a circle.
    """
    try:
        return read(proven(source.listed(prefix)))
    except OrderBroken:
        return read(in_order(source.listed_anyhow(prefix)))


def proven(objects: Iterable[StoredObject]) -> Iterator[StoredObject]:
    """The objects as they come, each proven to sort after the one before; those that are listed as one come once.

    Strings compare by code point here, which is the byte order of their UTF-8.

    Raises:
        OrderBroken: one sorts before its predecessor.
        CouldNotTell: one came twice, so that others may be missing.
    """
    last: str | None = None
    for stored in objects:
        key = stored.key
        if last is not None and key <= last:
            if key < last:
                raise OrderBroken(key)
            if UNWRITABLE in key:
                continue
            raise _repeated(key)
        last = key
        yield stored


def in_order(
    objects: Iterable[StoredObject], run_objects: int = RUN_OBJECTS, most_runs: int = MOST_RUNS
) -> Iterator[StoredObject]:
    """The objects sorted by key in constant memory: sorted runs go to temporary files, which are then merged.

    Runs of about one size are merged into a larger one when they would need too many files. An object is so written
    once, and once more for each power of `most_runs` in the number of runs: twice at 10^9 objects.

    Args:
        objects: in any order.
        run_objects: how many are sorted in memory at a time.
        most_runs: how many runs of about one size wait in files of their own; at least two.

    Raises:
        CouldNotTell: a key came twice, so that others may be missing.
    """
    sizes: list[list[_Run]] = []
    try:
        last: list[StoredObject] = []
        coming = iter(objects)
        while run := sorted(itertools.islice(coming, run_objects)):
            if len(run) < run_objects:
                last = run  # it has no need of a file
                break
            _keep(sizes, 0, _spilled(run), most_runs)
        yield from proven(heapq.merge(*(run.objects for runs in sizes for run in runs), last))
    finally:
        for runs in sizes:
            _close(runs)


class _Run(NamedTuple):
    """A sorted run in a file of its own."""

    file: IO[str]
    objects: Iterator[StoredObject]


def _keep(sizes: list[list[_Run]], size: int, run: _Run, most_runs: int) -> None:
    """Put a run to those of its size, which become one of the next size when they are too many."""
    if size == len(sizes):
        sizes.append([])
    runs = sizes[size]
    runs.append(run)
    if len(runs) == most_runs:
        larger = _spilled(heapq.merge(*(smaller.objects for smaller in runs)))
        _close(runs)
        runs.clear()
        _keep(sizes, size + 1, larger, most_runs)


def _close(runs: Iterable[_Run]) -> None:
    for run in runs:
        run.file.close()


def _spilled(run: Iterable[StoredObject]) -> _Run:
    # closed by in_order
    file = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="printflow-listing-")  # noqa: SIM115
    try:
        for stored in run:
            file.write(json.dumps((stored.key, stored.size, stored.etag, stored.modified_at.isoformat())) + "\n")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return _Run(file, _read(file))


def _read(file: IO[str]) -> Iterator[StoredObject]:
    for line in file:
        key, size, etag, modified_at = json.loads(line)
        yield StoredObject(key, size, etag, datetime.fromisoformat(modified_at))


def _repeated(key: str) -> CouldNotTell:
    return CouldNotTell(
        f"the listing is incomplete: {key!r} came twice, so others may have been left out",
        "nothing was concluded from it; look at the S3 server",
    )
