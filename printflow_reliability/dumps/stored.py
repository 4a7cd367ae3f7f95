"""Which dumps lie in the bucket.

They are looked for among versions: whoever can write may hide an object behind a delete marker or a newer version, and
neither takes a locked version away.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from printflow_reliability.dumps.manifest import MANIFEST, PREFIX, Manifest, parse
from printflow_reliability.dumps.store import DumpStore
from printflow_reliability.parallel import run_parallel

READERS = 8
"""Manifests read at the same time."""
LARGEST_MANIFEST = 64 * 1024**2


@dataclass(frozen=True)
class StoredVersion:
    """A version of an object below the dumps' prefix."""

    key: str
    version_id: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class StoredDump:
    """A dump with a manifest.

    Attributes:
        manifest: what it says.
        manifest_version: the version of the manifest that was read.
        present: whether the object that it names is there, with as many bytes as it says.
        hidden: whether a delete marker or a newer version stands before it; it can be read all the same.
    """

    manifest: Manifest
    manifest_version: str
    present: bool
    hidden: bool


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


def stored_in(store: DumpStore) -> Stored:
    """Everything that lies in the bucket of dumps.

    Raises:
        CouldNotTell: it does not answer.
    """
    versions, hidden = _versions(store)
    keys: dict[str, list[StoredVersion]] = {}
    for version in versions:
        keys.setdefault(version.key, []).append(version)
    manifests = [key for key in keys if key.endswith(MANIFEST)]
    # The oldest version is the one that was written with the dump; what came later was put in its way.
    read = run_parallel([partial(_read, store, keys[key]) for key in manifests], workers=READERS)
    sizes = {(version.key, version.version_id): version.size for version in versions}
    dumps = []
    unreadable = []
    known: set[tuple[str, str]] = set()
    for key, (found, version_id, why) in zip(manifests, read, strict=True):
        if found is None:
            unreadable.append(f"{key} {why}")
            continue
        known |= {(key, version_id), (found.key, found.version_id)}
        newest = {keys[key][-1].version_id == version_id} | {
            versions[-1].version_id == found.version_id for versions in [keys.get(found.key, [])] if versions
        }
        dumps.append(
            StoredDump(
                found,
                version_id,
                sizes.get((found.key, found.version_id)) == found.bytes,
                False in newest or bool(hidden & {key, found.key}),
            )
        )
    dumps.sort(key=lambda dump: (dump.manifest.taken_at, dump.manifest.key))
    left = tuple(version for version in versions if (version.key, version.version_id) not in known)
    return Stored(tuple(dumps), left, tuple(unreadable))


def _versions(store: DumpStore) -> tuple[list[StoredVersion], set[str]]:
    """Every version, oldest first for each key, and the keys that a delete marker hides."""
    versions: list[StoredVersion] = []
    hidden: set[str] = set()
    with store.errors():
        pages = store.client.get_paginator("list_object_versions").paginate(Bucket=store.bucket.bucket, Prefix=PREFIX)
        for page in pages:
            versions += [
                StoredVersion(found["Key"], found["VersionId"], found["Size"], found["LastModified"])
                for found in page.get("Versions", ())
            ]
            hidden |= {marker["Key"] for marker in page.get("DeleteMarkers", ()) if marker["IsLatest"]}
    versions.reverse()  # of each key they come newest first
    versions.sort(key=lambda version: (version.key, version.modified_at))
    return versions, hidden


def _read(store: DumpStore, versions: list[StoredVersion]) -> tuple[Manifest | None, str, str]:
    """The oldest version of a manifest that is one; why there is none."""
    why = ""
    for version in versions:
        if version.size > LARGEST_MANIFEST:
            why = why or "is too large to be a manifest"
            continue
        with store.errors():
            answer = store.client.get_object(Bucket=store.bucket.bucket, Key=version.key, VersionId=version.version_id)
            text = answer["Body"].read()
        try:
            found = parse(text)
            if found.manifest_key != version.key:
                raise ValueError("is the manifest of another dump")
        except ValueError as none:
            why = why or str(none)
            continue
        return found, version.version_id, ""
    return None, "", why
