"""What became of each file of a repository since a moment, and what brings it back. Plain data: no server is asked.

A bucket with versioning answers a delete with a marker and an overwrite with a newer version. S3 gives their times in
whole seconds, so of two entries of the same second only the order of the listing tells which came last.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from printflow_reliability.storage.version_listing import Entry

BOOKKEEPING = re.compile(r"(?P<name>(?:archive/[^/]+/archive|backup/[^/]+/backup)\.info)(?:\.copy)?")
"""Files that are written again and again, below a repository's path: newer ones may hold what older ones lack."""
OF_BACKUP = re.compile(r"(?P<folder>backup/[^/]+/\d{8}-\d{6}[^/]*)/.+")
MANIFEST = "backup.manifest"


class Way(StrEnum):
    """How a file comes back."""

    REMOVE_MARKERS = "remove delete markers"
    COPY_VERSION = "copy a version"


@dataclass(frozen=True)
class Step:
    """What brings one file back.

    Attributes:
        key: of the file.
        way: by what.
        version: the version that is to be current; of bookkeeping, which is kept twice, perhaps its copy's.
        markers: the delete markers that hide it; to be removed where that is the way.
        instead_of: what the key is now.
    """

    key: str
    way: Way
    version: Entry
    markers: tuple[str, ...] = ()
    instead_of: Entry | None = None

    @property
    def bytes(self) -> int:
        """Of the version that is brought back."""
        return self.version.size


@dataclass(frozen=True)
class Since:
    """A repository's files, by what became of them since a moment.

    Attributes:
        steps: what brings back the files of then that are deleted or overwritten; without bookkeeping.
        bookkeeping: of the files that are written again and again, by name without ".copy", the history of the file
            and that of its copy, newest first.
        there: files of then that are as they were.
        newer: files made since, that are there; they stay.
        made_and_deleted: keys of files that were made and deleted since: a later moment would bring them back.
        labels: the backups whose manifests will be there.
        existed: how many files there were at the moment, bookkeeping too.
        first: when the oldest of all versions and markers was made; None if there is none.
    """

    steps: tuple[Step, ...] = ()
    bookkeeping: Mapping[str, Sequence[Sequence[Entry]]] = field(default_factory=dict)
    there: int = 0
    newer: int = 0
    made_and_deleted: int = 0
    labels: frozenset[str] = frozenset()
    existed: int = 0
    first: datetime | None = None


def since(entries: Iterable[Entry], before: datetime, prefix: str) -> Since:
    """What became of a repository's files since a moment.

    Args:
        entries: all versions and markers, those of a key together, newest first.
        before: what was made before it is what the listing showed then.
        prefix: of the repository's path in the bucket; names below it are pgBackRest's own.
    """
    steps: list[tuple[Step, bool]] = []
    bookkeeping: dict[str, list[Sequence[Entry]]] = {}
    there = newer = lost = existed = 0
    first: datetime | None = None
    complete: set[str] = set()
    labels: set[str] = set()
    for key, history in _by_key(entries):
        name = key.removeprefix(prefix)
        then = next((entry for entry in history if entry.at < before), None)
        folder, _, file = name.rpartition("/")
        was_there = then is not None and not then.marker
        existed += was_there
        oldest = min(entry.at for entry in history)
        first = oldest if first is None else min(first, oldest)
        if file == MANIFEST and (was_there or not history[0].marker):
            labels.add(folder.rpartition("/")[2])
        if file == MANIFEST and was_there:
            complete.add(folder)
        if found := BOOKKEEPING.fullmatch(name):
            bookkeeping.setdefault(found["name"], []).append(history)
        elif then is None or then.marker:
            newer += not history[0].marker
            lost += history[0].marker and any(not entry.marker and entry.at >= before for entry in history)
        elif _same(history[0], then):
            there += 1
        else:
            steps.append((_step(history, then), history[0].marker))
    # A backup that was being taken then may have been finished since, with other bytes under the same names.
    kept = [step for step, deleted in steps if deleted or _folder(step.key.removeprefix(prefix)) in {*complete, None}]
    newer += len(steps) - len(kept)
    return Since(tuple(kept), bookkeeping, there, newer, lost, frozenset(labels), existed, first)


def _by_key(entries: Iterable[Entry]) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    for key, history in groupby(entries, key=lambda entry: entry.key):
        yield key, tuple(history)


def _step(history: Sequence[Entry], then: Entry) -> Step:
    newer = history[: history.index(then)]
    if all(entry.marker for entry in newer):
        return Step(then.key, Way.REMOVE_MARKERS, then, tuple(entry.version_id for entry in newer))
    return Step(then.key, Way.COPY_VERSION, then, instead_of=history[0])


def _same(latest: Entry, then: Entry) -> bool:
    return latest is then or (not latest.marker and (latest.size, latest.etag) == (then.size, then.etag))


def _folder(name: str) -> str | None:
    """The folder of the backup that a file is of; None of WAL and everything else."""
    found = OF_BACKUP.fullmatch(name)
    return found["folder"] if found else None
