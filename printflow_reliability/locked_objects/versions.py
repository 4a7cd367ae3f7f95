"""Which copies lie in a bucket, by their manifests.

They are looked for among versions: whoever can write may hide an object behind a delete marker or a newer version, and
neither takes a locked version away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from printflow_reliability.locked_objects.manifest import ManifestLike
from printflow_reliability.locked_objects.store import LockedStore
from printflow_reliability.parallel import run_parallel

READERS = 8
"""Manifests read at the same time."""
LARGEST_MANIFEST = 64 * 1024**2


Said = TypeVar("Said", bound=ManifestLike)


@dataclass(frozen=True)
class StoredVersion:
    """A version of an object below a prefix."""

    key: str
    version_id: str
    size: int
    modified_at: datetime


@dataclass(frozen=True)
class StoredCopy(Generic[Said]):
    """A copy with a manifest.

    Attributes:
        manifest: what it says.
        manifest_version: the version of the manifest that was read.
        present: whether the object that it names is there, with as many bytes as it says.
        hidden: whether a delete marker or a newer version stands before it; it can be read all the same.
    """

    manifest: Said
    manifest_version: str
    present: bool
    hidden: bool


@dataclass(frozen=True)
class Found(Generic[Said]):
    """Everything below a prefix.

    Attributes:
        copies: those with a manifest, oldest first.
        incomplete: objects and manifests that are no whole copy: of uploads that were interrupted, or added later.
        unreadable: manifests that could not be read, each with the reason.
    """

    copies: tuple[StoredCopy[Said], ...]
    incomplete: tuple[StoredVersion, ...]
    unreadable: tuple[str, ...]


def copies_in(store: LockedStore, prefix: str, suffix: str, parse: Callable[[bytes], Said]) -> Found[Said]:
    """Everything that lies below a prefix of a bucket.

    Args:
        store: the bucket.
        prefix: below which the copies lie.
        suffix: how the keys of manifests end.
        parse: reads a manifest, and raises ValueError where it is none.

    Raises:
        CouldNotTell: the bucket does not answer.
    """
    versions, hidden = _versions(store, prefix)
    keys: dict[str, list[StoredVersion]] = {}
    for version in versions:
        keys.setdefault(version.key, []).append(version)
    manifests = [key for key in keys if key.endswith(suffix)]
    # The oldest version is the one that was written with the copy; what came later was put in its way.
    read = run_parallel([partial(_read, store, keys[key], parse) for key in manifests], workers=READERS)
    sizes = {(version.key, version.version_id): version.size for version in versions}
    copies = []
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
        copies.append(
            StoredCopy(
                found,
                version_id,
                sizes.get((found.key, found.version_id)) == found.bytes,
                False in newest or bool(hidden & {key, found.key}),
            )
        )
    copies.sort(key=lambda copy: (copy.manifest.taken_at, copy.manifest.key))
    left = tuple(version for version in versions if (version.key, version.version_id) not in known)
    return Found(tuple(copies), left, tuple(unreadable))


def _versions(store: LockedStore, prefix: str) -> tuple[list[StoredVersion], set[str]]:
    """Every version, oldest first for each key, and the keys that a delete marker hides."""
    versions: list[StoredVersion] = []
    hidden: set[str] = set()
    with store.errors():
        pages = store.client.get_paginator("list_object_versions").paginate(Bucket=store.bucket.bucket, Prefix=prefix)
        for page in pages:
            versions += [
                StoredVersion(found["Key"], found["VersionId"], found["Size"], found["LastModified"])
                for found in page.get("Versions", ())
            ]
            hidden |= {marker["Key"] for marker in page.get("DeleteMarkers", ()) if marker["IsLatest"]}
    versions.reverse()  # of each key they come newest first
    versions.sort(key=lambda version: (version.key, version.modified_at))
    return versions, hidden


def _read(
    store: LockedStore, versions: Sequence[StoredVersion], parse: Callable[[bytes], Said]
) -> tuple[Said | None, str, str]:
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
                raise ValueError("is the manifest of another copy")
        except ValueError as none:
            why = why or str(none)
            continue
        return found, version.version_id, ""
    return None, "", why
