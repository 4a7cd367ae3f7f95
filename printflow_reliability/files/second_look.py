"""The second look: each suspicion is asked about again, in the database and in the bucket, before it is a finding.

An object written or deleted meanwhile, a row or a tenant gone meanwhile, is no finding. What the store refuses for one
key is that key's "could not tell"; a store that does not answer ends the pass. Neither ever becomes "missing".
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import wording
from printflow_reliability.files.content import difference
from printflow_reliability.files.emptied import Emptied
from printflow_reliability.files.first_look import Candidates, Scope, out_of_place
from printflow_reliability.files.kept_copies import expected_by, likely_copy
from printflow_reliability.files.known_content import Checksums
from printflow_reliability.files.orphan_look import OrphanLook
from printflow_reliability.files.presence import KeyRefused, Presence, in_parallel
from printflow_reliability.files.spellings import MeantObjects, Nearest, Spellings
from printflow_reliability.files.spool import Spool, batches
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, Reference
from printflow_reliability.platform.spelling import climbs, plain
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.storage.single_keys import LONGEST_KEY_BYTES, Refusal, possible

BATCH = 1000
SPELLED_BATCH = 20_000
FOLDERS_LISTED = 2000
"""Lost objects are few; where they lie in more folders than this, their folders are not looked into one by one."""
SKIPPED_AT_LEAST = 20
SKIPPED_FRACTION = 0.01
"""A listing that left out more than this, of what HEAD then finds to be old, is not to be believed."""
SETTLED = timedelta(minutes=1)

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class SecondLook:
    """What one bucket's candidates are asked with.

    Attributes:
        present: the bucket.
        replica: where its objects are copied to, if anywhere.
        catalog: the reference queries.
        paths: the tenants' base paths, read anew after the first look.
        started_at: the S3 server's clock before the listing began.
        fallen: the queries that return nothing any more.
        orphan_bytes: of the orphans found so far.
        not_compared: objects so far whose ETag turned out to say nothing of their content.
    """

    present: Presence
    replica: Presence | None
    catalog: Catalog
    paths: BasePaths
    scope: Scope
    started_at: datetime
    grace_seconds: float
    checksums: Checksums | None
    fallen: Sequence[Emptied] = ()
    orphan_bytes: int = 0
    not_compared: int = 0
    _meant: MeantObjects = field(default_factory=MeantObjects)
    _near: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The bucket's name in printflow.toml."""
        return self.present.bucket.name

    def findings(self, found: Candidates) -> Iterator[Finding]:
        """Every candidate that is still what it seemed to be."""
        self._note_meant(found)
        yield from self._wrong_tenant(found)
        yield from self._missing(found)
        yield from self._mismatched(found.mismatched)
        yield from self._mismatched(found.other_etag, by_etag=True)
        oldest = self.started_at - timedelta(seconds=self.grace_seconds)
        needed = self._meant.keys | self._near
        orphans = OrphanLook(self.present, self.catalog, self.paths, self.scope, oldest, needed, self.fallen)
        for finding, size in orphans.findings(found.unreferenced):
            self.orphan_bytes += size
            yield finding

    def _note_meant(self, found: Candidates) -> None:
        """Note which objects that nothing names exactly may be meant by a reference that has no object."""
        bucket = self.present.bucket.bucket
        for spool in (found.missing, found.wrong_tenant):
            for batch in batches(spool, SPELLED_BATCH):
                spellings = Spellings(self.paths, bucket)
                for reference in batch:
                    spellings.add(reference)
                self._meant.note(spellings, (one.key for one in found.unreferenced))

    def _wrong_tenant(self, found: Candidates) -> Iterator[Finding]:
        bucket = self.present.bucket.bucket
        for reference in _still_referenced(self.catalog, self.name, found.wrong_tenant):
            if out_of_place(reference, self.paths, bucket):
                owners = sorted(self.paths.owners_meant(reference.key, bucket))
                owner = self.paths.owner_of(reference.key) or next(iter(owners), None)
                yield wording.wrong_tenant(reference, self._entry(reference), None if climbs(reference.key) else owner)

    def _missing(self, found: Candidates) -> Iterator[Finding]:
        without_copy: Spool[Reference] = Spool(tuple, lambda values: Reference(*values))
        try:
            skipped = 0
            for batch in batches(_still_referenced(self.catalog, self.name, found.missing), BATCH):
                gone: list[Reference] = []
                askable: list[Reference] = []
                for reference in batch:
                    if why := _names_nothing(reference.key, self.present.bucket.bucket, self.paths):
                        yield wording.names_nothing(reference, self._entry(reference), why)
                    else:
                        askable.append(reference)
                for reference, there in self._there(askable):
                    if isinstance(there, Refusal):
                        yield wording.unknown(reference, self._entry(reference), there.reason)
                    elif there is None:
                        gone.append(reference)
                    elif reference.key.startswith(self.scope.prefix) and there < self.started_at - SETTLED:
                        skipped += 1
                _require_whole(self.name, skipped, found.references)
                for reference, finding in in_parallel(_or_refusal(self._restorable), gone):
                    if isinstance(finding, Refusal):
                        yield wording.unknown(reference, self._entry(reference), finding.reason)
                    elif finding is not None:
                        yield finding
                    else:
                        without_copy.append(reference)
            for batch in batches(without_copy, SPELLED_BATCH):
                yield from self._near_or_lost(batch)
        finally:
            without_copy.close()

    def _near_or_lost(self, lost: list[Reference]) -> Iterator[Finding]:
        """The object that each reference probably means, or that nothing is left of it."""
        folders = {reference.key.rpartition("/")[0] for reference in lost}
        nearest = Nearest(self.present, self.paths, self._meant, len(folders) <= FOLDERS_LISTED)
        for reference, near in in_parallel(_or_refusal(nearest.to), lost):
            if isinstance(near, Refusal):
                yield wording.unknown(reference, self._entry(reference), near.reason)
            elif near is None:
                replica = self.replica.bucket.name if self.replica else None
                yield wording.lost(reference, self._entry(reference), replica)
            else:
                self._near.add(near)
                yield wording.near_miss(reference, self._entry(reference), near)

    def _mismatched(self, candidates: Spool[Reference], *, by_etag: bool = False) -> Iterator[Finding]:
        """Objects that are something else than the database knows; `by_etag`: nothing but the ETag says so."""
        for batch in batches(_still_referenced(self.catalog, self.name, candidates), BATCH):
            for reference, there in in_parallel(_or_refusal(lambda one: self.present.head(one.key)), batch):
                if isinstance(there, Refusal) and not (by_etag and there.sealed):
                    yield wording.unknown(reference, self._entry(reference), there.reason)
                elif isinstance(there, Refusal):
                    self.not_compared += 1
                elif there is not None:
                    sha256 = None
                    if self.checksums is not None and reference.sha256 is not None:
                        sha256 = self.checksums.of(self.name, reference.key, there)
                    found = difference(reference, there.size, "" if there.etag_opaque else there.etag, sha256)
                    if found is not None:
                        yield wording.mismatch(reference, self._entry(reference), there, found)
                    elif there.etag_opaque:
                        self.not_compared += 1

    def _there(self, references: Sequence[Reference]) -> Iterator[tuple[Reference, datetime | Refusal | None]]:
        """When what each reference names was last written, or None if it is not there."""
        found = self.present.look_up(one.key for one in references if not one.key.endswith("/"))
        for reference in references:
            if not reference.key.endswith("/"):
                there = found[reference.key]
                yield reference, there if there is None or isinstance(there, Refusal) else there.modified_at
        folders = [one for one in references if one.key.endswith("/")]
        for reference, answer in in_parallel(_or_refusal(lambda one: self.present.any_below(one.key)), folders):
            yield reference, answer if isinstance(answer, Refusal) else self.started_at if answer else None

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

    def _entry(self, reference: Reference) -> wording.Entry:
        return self.catalog.settings.reference[reference.entry]


def _names_nothing(key: str, bucket: str, paths: BasePaths) -> str | None:
    """Why no object can be meant by a key; None for every ordinary one."""
    if not plain(key, bucket).strip("/"):
        return "its key is empty"
    if not possible(key):
        return f"its key is longer than {LONGEST_KEY_BYTES:,} bytes, which no key in S3 is"
    if key.endswith("/") and paths.too_wide(key, bucket):
        return "its key is the base path of a tenant, or above it, and covers nothing"
    return None


def _require_whole(bucket: str, skipped: int, references: int) -> None:
    if skipped > max(SKIPPED_AT_LEAST, SKIPPED_FRACTION * references):
        raise CouldNotTell(
            f"the listing of bucket {bucket} is incomplete: it left out {skipped} objects that are there",
            "nothing was concluded from it; look at the S3 server",
        )


def _still_referenced(catalog: Catalog, bucket: str, references: Iterable[Reference]) -> Iterator[Reference]:
    """Those references that the database still holds, as it has them now."""
    for batch in batches(references, BATCH):
        now = {_identity(one): one for one in catalog.look_up(bucket, {one.key for one in batch})}
        yield from (now[_identity(one)] for one in batch if _identity(one) in now)


def _identity(reference: Reference) -> tuple[str, int, str | None, str | None]:
    return reference.key, reference.entry, reference.tenant, reference.owner


def _or_refusal(ask: Callable[[T], R]) -> Callable[[T], R | Refusal]:
    """Ask, and give the store's refusal of this one key as the answer."""

    def answer(what: T) -> R | Refusal:
        try:
            return ask(what)
        except KeyRefused as refused:
            return refused.refusal

    return answer
