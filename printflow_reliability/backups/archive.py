"""What a repository's archive folder holds: segments with the sha1 in their names, and timeline histories.

Partial segments and backup labels lie there too; continuity does not need them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from printflow_reliability.backups.listing import RepositoryFile

STORED_SEGMENT = re.compile(
    r"(?P<folder>[0-9A-F]{16})/(?P<name>(?P<timeline>[0-9A-F]{8})[0-9A-F]{16})-(?P<sha1>[0-9a-f]{40})(?:\.\w+)?"
)
"""A segment below the folder of its database history (`15-1`)."""
_HISTORY = re.compile(r"(?P<timeline>[0-9A-F]{8})\.history")


@dataclass(frozen=True)
class StoredSegment:
    """An archived segment: the distinct sha1 sums it is stored under (one, unless something is wrong) and its time."""

    name: str
    sha1: frozenset[str]
    stored_at: datetime


@dataclass(frozen=True)
class ArchiveFolder:
    """The archive of one database history ("15-1").

    Attributes:
        archive_id: the folder's name.
        segments: by name.
        histories: timeline numbers whose history file is there, with its name below the stanza's archive.
    """

    archive_id: str
    segments: Mapping[str, StoredSegment] = field(default_factory=dict)
    histories: Mapping[int, str] = field(default_factory=dict)


def parse_archive(files: Iterable[RepositoryFile]) -> dict[str, ArchiveFolder]:
    """The archive folders in a listing of `archive/<stanza>`, by archive id."""
    by_id: dict[str, list[RepositoryFile]] = {}
    for file in files:
        archive_id, slash, _ = file.name.partition("/")
        if slash:
            by_id.setdefault(archive_id, []).append(file)
    return {archive_id: _folder(archive_id, inside) for archive_id, inside in by_id.items()}


def stored_segment(name: str) -> str | None:
    """The segment that a file is, by its name below the archive id; None of a partial one, a backup's label, others."""
    found = STORED_SEGMENT.fullmatch(name)
    return found["name"] if found and found["name"].startswith(found["folder"]) else None


def _folder(archive_id: str, files: list[RepositoryFile]) -> ArchiveFolder:
    segments: dict[str, StoredSegment] = {}
    histories: dict[int, str] = {}
    for file in files:
        name = file.name.partition("/")[2]
        segment = STORED_SEGMENT.fullmatch(name)
        if segment and segment["name"].startswith(segment["folder"]):
            before = segments.get(segment["name"])
            sums = {segment["sha1"]} | (before.sha1 if before else frozenset())
            stored_at = max(file.modified_at, before.stored_at) if before else file.modified_at
            segments[segment["name"]] = StoredSegment(segment["name"], frozenset(sums), stored_at)
        elif history := _HISTORY.fullmatch(name):
            histories[int(history["timeline"], 16)] = file.name
    return ArchiveFolder(archive_id, segments, histories)
