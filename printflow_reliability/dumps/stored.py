"""Which dumps lie in the bucket."""

from dataclasses import dataclass

from printflow_reliability.dumps.manifest import MANIFEST, PREFIX, Manifest, parse
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.locked_objects.versions import StoredCopy, StoredVersion, copies_in

StoredDump = StoredCopy[Manifest]
"""A dump with a manifest."""


@dataclass(frozen=True)
class Stored:
    """Everything below the dumps' prefix.

    Attributes:
        dumps: those with a manifest, oldest first.
        incomplete: objects and manifests that are no whole dump: of uploads that were interrupted, or added later.
        unreadable: manifests that could not be read, each with the reason.
    """

    dumps: tuple[StoredDump, ...]
    incomplete: tuple[StoredVersion, ...]
    unreadable: tuple[str, ...]

    def of(self, cluster: str, database: str | None = None) -> tuple[StoredDump, ...]:
        """The whole dumps of a cluster, or of one database of it, oldest first."""
        return tuple(
            dump
            for dump in self.dumps
            if dump.present
            and dump.manifest.cluster == cluster
            and (database is None or dump.manifest.database == database)
        )


def stored_in(store: LockedStore) -> Stored:
    """Everything that lies in the bucket of dumps.

    Raises:
        CouldNotTell: it does not answer.
    """
    found = copies_in(store, PREFIX, MANIFEST, parse)
    return Stored(found.copies, found.incomplete, found.unreadable)
