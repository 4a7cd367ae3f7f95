"""The confirmation of objects that nothing names: still there, still old, and still meant by nobody.

Few are asked about one by one; for many, one more listing and one more stream of references cost less.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime

from printflow_reliability.files import wording
from printflow_reliability.files.emptied import Emptied, untold
from printflow_reliability.files.merge import merge
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.regenerations import Regenerations
from printflow_reliability.files.scan import Scope, objects_spool
from printflow_reliability.files.spellings import SPELLED_BATCH, MeantObjects, Spellings
from printflow_reliability.files.spool import Spool, batches
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog
from printflow_reliability.platform.tenancy import BasePaths, Tenant, above
from printflow_reliability.storage.listing import UNWRITABLE, read_in_order
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.single_keys import Found, Refusal
from printflow_reliability.storage.sources import Source

FEW = 1000
CONTROL_CHARACTERS = "the store lists it with characters that stand for others, so its true key cannot be told"


@dataclass(frozen=True)
class OrphanConfirmation:
    """What one bucket's unnamed objects are asked with.

    Attributes:
        oldest: an object written since may yet be named.
        needed: keys that something may mean under another spelling.
        fallen: tells the queries that return nothing any more, or fail by now: asking again may find further ones.
        source: where the bucket's objects are read from.
        regenerations: which of them a newer file has taken the place of.
    """

    present: Presence
    catalog: Catalog
    paths: BasePaths
    scope: Scope
    oldest: datetime
    needed: set[str]
    fallen: Callable[[], Sequence[Emptied]]
    source: Source
    regenerations: Regenerations = field(default_factory=Regenerations)

    def findings(self, unnamed: Iterable[StoredObject]) -> Iterator[tuple[Finding, int]]:
        """The orphans with their bytes, and the objects of which nothing can be told, with 0."""
        fallen = self.fallen()
        with closing(objects_spool()) as candidates:
            for stored in unnamed:
                if (
                    stored.modified_at < self.oldest
                    and stored.key not in self.needed
                    and self._owner_was_read(stored.key, fallen)
                ):
                    candidates.append(stored)
            if not len(candidates):
                return
            meant = self._meant_by_others(candidates) if self.scope.tenant is not None else set()
            remaining = (candidate for candidate in candidates if candidate.key not in meant)
            few = len(candidates) <= FEW or self.source.as_of is not None  # an inventory would say the same again
            confirm = self._looked_up if few else self._listed_again
            for key, there in confirm(remaining):
                yield from self._findings_of(key, there)

    def _owner_was_read(self, key: str, fallen: Sequence[Emptied]) -> bool:
        return not untold(fallen, self.paths.owner_of(key))

    def _findings_of(self, key: str, there: Found) -> Iterator[tuple[Finding, int]]:
        name, owner = self.present.bucket.name, self.paths.owner_of(key)
        if isinstance(there, Refusal):
            yield wording.unknown_object(name, owner, key, there.reason), 0
        elif UNWRITABLE in key:
            yield wording.unknown_object(name, owner, key, CONTROL_CHARACTERS), 0
        elif there is not None and there.modified_at < self.oldest:
            newer = self.regenerations.superseding(key, there.modified_at)
            yield wording.orphan(name, owner, key, there, newer), there.size

    def _looked_up(self, candidates: Iterable[StoredObject]) -> Iterator[tuple[str, Found]]:
        """What is still there, asked for by key."""
        bucket = self.present.bucket.bucket
        for batch in batches(candidates, FEW):
            covering = {
                candidate.key: {
                    candidate.key,
                    *(folder for folder in above(candidate.key) if not self.paths.too_wide(folder, bucket)),
                }
                for candidate in batch
            }
            named = {
                reference.key
                for reference in self.catalog.look_up(self.present.bucket.name, set().union(*covering.values()))
            }
            fallen = self.fallen()  # a database may have been lost while it was asked
            alone = [
                candidate.key
                for candidate in batch
                if not covering[candidate.key] & named and self._owner_was_read(candidate.key, fallen)
            ]
            yield from sorted(self.present.look_up(alone).items())

    def _listed_again(self, candidates: Iterable[StoredObject]) -> Iterator[tuple[str, Found]]:
        """What is still there, by a listing and by all references anew."""
        bucket = self.present.bucket
        with ExitStack() as stack:
            references = stack.enter_context(
                closing(self.catalog.references(bucket.name, self._tenants(), of_others=True))
            )
            alone = stack.enter_context(closing(objects_spool()))
            for reference, stored in merge(references, candidates, lambda key: self.paths.too_wide(key, bucket.bucket)):
                if reference is None and stored is not None:
                    alone.append(stored)

            def still_there(objects: Iterator[StoredObject]) -> Spool[StoredObject]:
                there = objects_spool()
                try:
                    for stored in _in_both(objects, alone):
                        there.append(stored)
                except BaseException:  # also where the order breaks, and all is read once more
                    there.close()
                    raise
                return there

            listed = stack.enter_context(closing(read_in_order(self.source, "", still_there)))
            fallen = self.fallen()  # a database may have been lost while it was read anew
            for stored in listed:
                if self._owner_was_read(stored.key, fallen):
                    yield stored.key, ObjectHead("", stored.etag, stored.size, stored.modified_at)

    def _meant_by_others(self, candidates: Iterable[StoredObject]) -> set[str]:
        """Those that references of other tenants mean under another spelling; theirs were not read before."""
        meant = MeantObjects()
        references = self.catalog.mentioning(self.present.bucket.name, self._tenants() or ())
        for batch in batches(references, SPELLED_BATCH):
            spellings = Spellings(self.paths, self.present.bucket.bucket)
            for reference in batch:
                if reference.tenant != self.scope.tenant:
                    spellings.add(reference)
            meant.note(spellings, (candidate.key for candidate in candidates))
        return meant.keys

    def _tenants(self) -> Sequence[Tenant] | None:
        if self.scope.tenant is None:
            return None
        first, *further = self.scope.prefixes or ("",)
        return [Tenant(self.scope.tenant, first, tuple(further))]


def _in_both(objects: Iterable[StoredObject], wanted: Iterable[StoredObject]) -> Iterator[StoredObject]:
    """Those of the objects that are wanted; both in the byte order of their keys."""
    waiting = iter(wanted)
    looked_for = next(waiting, None)
    for stored in objects:
        while looked_for is not None and looked_for.key < stored.key:
            looked_for = next(waiting, None)
        if looked_for is not None and looked_for.key == stored.key:
            yield stored
