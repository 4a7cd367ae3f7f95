"""What a pass over one repository reads, and what the listing alone says: files that are gone, or have another size.

No I/O here but `open_manifest`, which is called where the ledger does not know what a backup holds.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from printflow_reliability.backups.archive import STORED_SEGMENT
from printflow_reliability.backups.ledger.entries import LedgerEntry
from printflow_reliability.backups.ledger.manifest import EXTENSIONS, Manifest, Part, StoredFile
from printflow_reliability.backups.listing import RepositoryFile
from printflow_reliability.backups.verify_report import BadFile
from printflow_reliability.errors import CouldNotTell

MANIFESTS = ("backup.manifest", "backup.manifest.copy")
HISTORY = "backup.history/"
"""Manifests of all backups there ever were, which no restore reads."""
MISSING = "is missing"
WRONG_SIZE = "has the wrong size"

_SHA1 = re.compile("-([0-9a-f]{40})")

OpenManifest = Callable[[str], Manifest]
"""Reads the manifest of a backup by its label; the copy must say the same."""


@dataclass(frozen=True)
class Stored:
    """What is listed: files of backups and WAL segments, by name below the stanza's backups or archive."""

    backups: Mapping[str, RepositoryFile]
    segments: Mapping[str, RepositoryFile]

    def get(self, name: str) -> RepositoryFile | None:
        """A listed file."""
        return self.backups.get(name) or self.segments.get(name)

    def __len__(self) -> int:
        return len(self.backups) + len(self.segments)

    @property
    def bytes(self) -> int:
        """All that is listed, together."""
        return sum(file.size for listing in (self.backups, self.segments) for file in listing.values())


@dataclass
class Plan:
    """What to do with each file that should be there.

    Attributes:
        good: entries of files that are there as they were read, and need not be read again now.
        read: files to read, with what is listed of them.
        opened: entries of the manifests that were read for the plan.
        bad: what is wrong with backups' files as the listing shows them.
        unopened: the manifest that could not be fetched, and why.
        expected: the files that each backup should have, by label.
        gone_segments: entries of segments that are no longer listed.
    """

    good: list[LedgerEntry] = field(default_factory=list)
    read: list[tuple[StoredFile, RepositoryFile]] = field(default_factory=list)
    opened: list[tuple[StoredFile, RepositoryFile]] = field(default_factory=list)
    bad: list[BadFile] = field(default_factory=list)
    unopened: dict[str, str] = field(default_factory=dict)
    expected: dict[str, tuple[StoredFile, ...]] = field(default_factory=dict)
    gone_segments: list[LedgerEntry] = field(default_factory=list)


def stored_files(backups: Iterable[RepositoryFile], archive: Iterable[RepositoryFile]) -> Stored:
    """What is listed below `backup/STANZA` and `archive/STANZA`, without what no restore needs."""
    segments = {file.name: file for file in archive if STORED_SEGMENT.fullmatch(file.name.partition("/")[2])}
    own = {file.name: file for file in backups if "/" in file.name and not file.name.startswith(HISTORY)}
    return Stored(own, segments)


def plan_pass(
    known: Mapping[str, LedgerEntry],
    stored: Stored,
    labels: Sequence[str],
    due: frozenset[str],
    open_manifest: OpenManifest,
) -> Plan:
    """Decide what becomes of each file.

    Args:
        known: the ledger, by name.
        stored: what is listed.
        labels: the backups that should be there.
        due: the files that are read again by rotation.
        open_manifest: reads one.

    Raises:
        CouldNotTell: more than one manifest could not be fetched.
    """
    plan = Plan()
    of_label: dict[str, list[LedgerEntry]] = {}
    for entry in known.values():
        of_label.setdefault(entry.name.partition("/")[0], []).append(entry)
    for label in labels:
        _plan_backup(plan, label, of_label.get(label, []), stored, due, open_manifest)
    for name, listed in stored.segments.items():
        read = known.get(name)
        if read and read.is_good(listed) and name not in due:
            plan.good.append(read)
        else:
            plan.read.append((segment_file(listed), listed))
    plan.gone_segments = [
        entry for entry in known.values() if is_segment(entry.name) and entry.name not in stored.segments
    ]
    return plan


def segment_file(listed: RepositoryFile) -> StoredFile:
    """A stored segment, whose name holds the sha1 of its content; none is known if its compression is not."""
    _, sha1, extension = _SHA1.split(listed.name.rpartition("/")[2], maxsplit=1)
    return StoredFile(listed.name, listed.size, sha1 if extension in EXTENSIONS.values() else None)


def is_segment(name: str) -> bool:
    """Whether a name of the ledger is that of a segment."""
    return STORED_SEGMENT.fullmatch(name.partition("/")[2]) is not None


def segment_name(name: str) -> str:
    """The segment's own name, such as 000000010000000000000006, out of that of its stored file."""
    return name.rpartition("/")[2][:24]


def manifest_files(label: str, manifest: Manifest, stored: Stored) -> list[tuple[StoredFile, RepositoryFile]]:
    """The manifest and its copy as files of the repository, with what is listed of them."""
    listed = [file for name in MANIFESTS if (file := stored.backups.get(f"{label}/{name}"))]
    return [(StoredFile(file.name, file.size, manifest.checksum, files=0), file) for file in listed]


def _plan_backup(
    plan: Plan,
    label: str,
    entries: Sequence[LedgerEntry],
    stored: Stored,
    due: frozenset[str],
    open_manifest: OpenManifest,
) -> None:
    names = [f"{label}/{name}" for name in MANIFESTS]
    known = {entry.name: entry for entry in entries}
    missing = [name for name in names if name not in stored.backups]
    plan.bad += [BadFile(name, MISSING) for name in missing]
    # Of a bundle the ledger knows one checksum, and the manifest those of its parts.
    whole = all(entry.is_good(stored.backups.get(entry.name)) for entry in entries) and set(names) <= known.keys()
    settled = whole and not any(name in due and (name in names or _is_bundle(name)) for name in known)
    manifest = None if settled or missing else _opened(plan, label, open_manifest)
    if manifest is None:
        files = tuple(_as_stored(entry) for entry in entries if entry.name not in names)
        plan.good += [known[name] for name in names if name in known and name not in (*missing, *plan.unopened)]
    else:
        files = manifest.files
        before = {known[name].checksum for name in names if name in known}
        if before - {manifest.checksum}:
            plan.bad.append(BadFile(names[0], "is another one than when it was read before"))
        else:
            plan.opened += manifest_files(label, manifest, stored)
    plan.expected[label] = files
    for file in files:
        listed, entry = stored.backups.get(file.name), known.get(file.name)
        if listed is None:
            plan.bad.append(BadFile(file.name, MISSING))
        elif not file.has_size(listed.size):
            plan.bad.append(BadFile(file.name, WRONG_SIZE))
        elif entry and entry.is_good(listed) and entry.checksum == file.checksum and file.name not in due:
            plan.good.append(entry)
        elif file.parts or not file.is_bundle:
            plan.read.append((file, listed))


def _opened(plan: Plan, label: str, open_manifest: OpenManifest) -> Manifest | None:
    """A manifest; None where it cannot be fetched, which is its backup's trouble, and with a second one everybody's."""
    try:
        return open_manifest(label)
    except CouldNotTell as failed:
        if plan.unopened:
            raise
        plan.unopened[f"{label}/{MANIFESTS[0]}"] = failed.what
        return None


def _is_bundle(name: str) -> bool:
    return StoredFile(name, 0, None).is_bundle


def _as_stored(entry: LedgerEntry) -> StoredFile:
    file = StoredFile(entry.name, entry.size, entry.checksum, entry.files)
    return file if file.is_bundle else replace(file, parts=(Part(0, entry.size, entry.checksum),))
