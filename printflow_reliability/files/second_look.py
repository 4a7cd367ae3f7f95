"""The second look: each suspicion is asked about again, in the database and in the bucket, before it is a finding.

An object written or deleted meanwhile, a row or a tenant gone meanwhile, is no finding. What cannot be asked about
("could not tell") ends the pass; it never becomes "missing".
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import wording
from printflow_reliability.files.first_look import Candidates, Scope, differs, out_of_place
from printflow_reliability.files.kept_copies import expected_by, likely_copy
from printflow_reliability.files.known_content import Checksums
from printflow_reliability.files.near_miss import climbs, folded, variants
from printflow_reliability.files.presence import Presence, in_parallel
from printflow_reliability.files.spool import Spool
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, Reference
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.storage.pages import StoredObject

BATCH = 1000
NEAR_MISS_BATCH = 20_000
FOLDERS_LISTED = 2000
"""Lost objects are few; where they lie in more folders than this, their folders are not looked into one by one."""
SKIPPED_AT_LEAST = 20
SKIPPED_FRACTION = 0.01
"""A listing that left out more than this, of what HEAD then finds to be old, is not to be believed."""
SETTLED = timedelta(minutes=1)

T = TypeVar("T")


@dataclass
class SecondLook:
    """What one bucket's candidates are asked with.

    Attributes:
        present: the bucket.
        replica: where its objects are copied to, if anywhere.
        catalog: the reference queries.
        paths: the tenants' base paths, read anew after the first look.
        started_at: the S3 server's clock before the listing began.
    """

    present: Presence
    replica: Presence | None
    catalog: Catalog
    paths: BasePaths
    scope: Scope
    started_at: datetime
    grace_seconds: float
    checksums: Checksums | None
    near: set[str] = field(default_factory=set)
    """Objects that are the near miss of something: needed after all, so never orphans."""
    orphan_bytes: int = 0

    @property
    def name(self) -> str:
        """The bucket's name in printflow.toml."""
        return self.present.bucket.name

    def findings(self, found: Candidates) -> Iterator[Finding]:
        """Every candidate that is still what it seemed to be."""
        yield from self._wrong_tenant(found)
        yield from self._missing(found)
        yield from self._mismatched(found)
        yield from self._orphans(found)

    def _wrong_tenant(self, found: Candidates) -> Iterator[Finding]:
        for reference in self._still_referenced(found.wrong_tenant):
            if out_of_place(reference, self.paths):
                owner = None if climbs(reference.key) else self.paths.owner_of(reference.key)
                yield wording.wrong_tenant(reference, self._entry(reference), owner)

    def _missing(self, found: Candidates) -> Iterator[Finding]:
        without_copy: Spool[Reference] = Spool(tuple, lambda values: Reference(*values))
        try:
            skipped = 0
            for batch in _batches(self._still_referenced(found.missing), BATCH):
                gone: list[Reference] = []
                for reference, there in in_parallel(self._there, batch):
                    if there is None:
                        gone.append(reference)
                    elif reference.key.startswith(self.scope.prefix) and there < self.started_at - SETTLED:
                        skipped += 1
                self._require_whole(skipped, found.references)
                for reference, finding in in_parallel(self._restorable, gone):
                    if finding is not None:
                        yield finding
                    else:
                        without_copy.append(reference)
            for batch in _batches(without_copy, NEAR_MISS_BATCH):
                yield from self._near_or_lost(batch, found.unreferenced)
        finally:
            without_copy.close()

    def _near_or_lost(self, lost: list[Reference], unreferenced: Iterable[StoredObject]) -> Iterator[Finding]:
        """The object that each reference probably means, or that nothing is left of it."""
        bucket = self.present.bucket.bucket
        wanted: dict[str, list[str]] = {folded(one.key, bucket): [] for one in lost if not one.key.endswith("/")}
        if wanted:
            for one in unreferenced:
                if (spelling := folded(one.key, bucket)) in wanted:
                    wanted[spelling].append(one.key)

        folders = {reference.key.rpartition("/")[0] for reference in lost}

        def nearest(reference: Reference) -> str | None:
            if reference.key.endswith("/"):
                return None
            spelling = folded(reference.key, bucket)
            candidates = (*wanted[spelling], *variants(reference.key, bucket))
            folder = reference.key.rpartition("/")[0]
            # What it means may well be referred to by others, so that the pass had no reason to keep it.
            if len(folders) <= FOLDERS_LISTED and folder and not climbs(folder):
                beside = self.present.some_in(f"{folder}/")
                candidates += tuple(key for key in beside if folded(key, bucket) == spelling)
            for key in candidates:
                foreign = climbs(key) or self.paths.owner_of(key) not in (None, reference.tenant)
                if not foreign and self.present.head(key) is not None:
                    return key
            return None

        for reference, near in in_parallel(nearest, lost):
            if near is None:
                replica = self.replica.bucket.name if self.replica else None
                yield wording.lost(reference, self._entry(reference), replica)
            else:
                self.near.add(near)
                yield wording.near_miss(reference, self._entry(reference), near)

    def _mismatched(self, found: Candidates) -> Iterator[Finding]:
        for batch in _batches(self._still_referenced(found.mismatched), BATCH):
            for reference, there in in_parallel(lambda one: self.present.head(one.key), batch):
                if there is None:
                    continue
                wants_checksum = self.checksums is not None and reference.sha256 is not None
                sha256 = (
                    self.checksums.of(self.name, reference.key, there) if self.checksums and wants_checksum else None
                )
                if differs(reference, there.size, sha256):
                    yield wording.mismatch(reference, self._entry(reference), there, sha256)

    def _orphans(self, found: Candidates) -> Iterator[Finding]:
        oldest = self.started_at - timedelta(seconds=self.grace_seconds)
        candidates = (one for one in found.unreferenced if one.modified_at < oldest and one.key not in self.near)
        for batch in _batches(candidates, BATCH):
            covering = {one.key: {one.key, *_above(one.key)} for one in batch}
            named = {one.key for one in self.catalog.look_up(self.name, set().union(*covering.values()))}
            alone = [one for one in batch if not covering[one.key] & named]
            for one, there in in_parallel(lambda one: self.present.head(one.key), alone):
                if there is not None and there.modified_at < oldest:
                    self.orphan_bytes += there.size
                    yield wording.orphan(self.name, self.paths.owner_of(one.key), one.key, there)

    def _still_referenced(self, references: Iterable[Reference]) -> Iterator[Reference]:
        """Those references that the database still holds, as it has them now."""
        for batch in _batches(references, BATCH):
            now = {_identity(one): one for one in self.catalog.look_up(self.name, {one.key for one in batch})}
            yield from (now[_identity(one)] for one in batch if _identity(one) in now)

    def _there(self, reference: Reference) -> datetime | None:
        """When what a reference names was last written, or None if it is not there."""
        if reference.key.endswith("/"):
            return self.started_at if self.present.any_below(reference.key) else None
        there = self.present.head(reference.key)
        return there.modified_at if there else None

    def _restorable(self, reference: Reference) -> Finding | None:
        """The finding that says from where a missing object can be brought back; None if from nowhere."""
        key, entry = reference.key, self._entry(reference)
        if key.endswith("/"):
            if self.present.any_prior_below(key):
                return wording.restorable_folder(reference, entry, self.name)
            if self.replica and self.replica.any_below(key):
                return wording.restorable_folder(reference, entry, self.replica.bucket.name)
            return None
        copy = likely_copy(self.present, self.replica, key, expected_by([reference]))
        if copy is None:
            return None
        say = wording.restorable_copy if copy.current else wording.restorable_version
        return say(reference, entry, copy)

    def _require_whole(self, skipped: int, references: int) -> None:
        if skipped > max(SKIPPED_AT_LEAST, SKIPPED_FRACTION * references):
            raise CouldNotTell(
                f"the listing of bucket {self.name} is incomplete: it left out {skipped} objects that are there",
                "nothing was concluded from it; look at the S3 server",
            )

    def _entry(self, reference: Reference) -> wording.Entry:
        return self.catalog.settings.reference[reference.entry]


def _identity(reference: Reference) -> tuple[str, int, str | None, str | None]:
    return reference.key, reference.entry, reference.tenant, reference.owner


def _above(key: str) -> Iterator[str]:
    """Every prefix of a key that a reference could cover it by."""
    end = key.find("/")
    while end >= 0:
        yield key[: end + 1]
        end = key.find("/", end + 1)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    coming = iter(items)
    while batch := list(itertools.islice(coming, size)):
        yield batch
