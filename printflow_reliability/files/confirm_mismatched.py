"""The confirmation of objects that are something else than the database knows: by size, ETag, or a checksum.

Few are asked about one by one. Of many, one more listing shows which still have another size; a HEAD goes to those
alone that it cannot tell of, such as an ETag that may be no MD5.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from printflow_reliability.files import wording
from printflow_reliability.files.confirm_orphans import FEW
from printflow_reliability.files.content import Difference, difference
from printflow_reliability.files.known_content import Checksums
from printflow_reliability.files.presence import Presence, in_parallel, or_refusal
from printflow_reliability.files.spool import Spool, batches
from printflow_reliability.files.still_referenced import BATCH, still_referenced
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, Reference
from printflow_reliability.settings import ReferenceSettings
from printflow_reliability.storage.listing import UNWRITABLE, read_in_order
from printflow_reliability.storage.lookup import UNVERSIONED
from printflow_reliability.storage.objects import ObjectHead
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.single_keys import Found, Refusal
from printflow_reliability.storage.sources import Source

Seen = tuple[Reference, ObjectHead | None]
"""A reference as the scan had it, with its object as it was seen again by listing; None where only HEAD can tell."""


@dataclass
class MismatchConfirmation:
    """What one bucket's objects of another content are asked with.

    Attributes:
        source: where the bucket's objects are read from.
        checksums: what the ledger knows; None without it.
        not_compared: objects so far whose ETag turned out to say nothing of their content.
    """

    present: Presence
    catalog: Catalog
    source: Source
    checksums: Checksums | None
    not_compared: int = 0

    def findings(self, candidates: Spool[Reference], *, by_etag: bool = False) -> Iterator[Finding]:
        """Every object that still is something else; `by_etag`: nothing but the ETag says so.

        Args:
            candidates: in the byte order of their keys.
            by_etag: whether it is no MD5 only HEAD tells, so that each is asked for.
        """
        if by_etag or len(candidates) <= FEW:
            for batch in batches(self._still_referenced(candidates), BATCH):
                yield from self._asked(batch, by_etag=by_etag)
            return
        again = self._looked_up if self.source.as_of is not None else self._listed_again
        with closing(again(candidates)) as seen:
            for part in batches(seen, BATCH):
                yield from self._of_another_size(part)

    def _of_another_size(self, seen: Sequence[Seen]) -> Iterator[Finding]:
        """Those whose size a listing has shown again; all others are asked for.

        The rows are read after the listing. One that is as the scan had it was so when the object was listed, however
        long that took: they differed at that moment. Of one that was changed meanwhile only HEAD tells.
        """
        before = {reference for reference, _ in seen}
        objects = {reference.key: there for reference, there in seen if there is not None}
        others: list[Reference] = []
        for reference in self._still_referenced(reference for reference, _ in seen):
            there = objects.get(reference.key) if reference in before else None
            if there is None or reference.size is None or reference.size == there.size:
                others.append(reference)
            else:
                other = Difference("size", reference.size, there.size)
                yield wording.mismatch(reference, self._settings_of(reference), there, other)
        yield from self._asked(others)

    def _asked(self, references: Iterable[Reference], *, by_etag: bool = False) -> Iterator[Finding]:
        """Those that HEAD, and the ledger, tell of."""
        for reference, there in in_parallel(or_refusal(lambda reference: self.present.head(reference.key)), references):
            if isinstance(there, Refusal) and not (by_etag and there.sealed):
                yield wording.unknown(reference, self._settings_of(reference), there.reason)
            elif isinstance(there, Refusal):
                self.not_compared += 1
            elif there is not None:
                sha256 = None
                if self.checksums is not None and reference.sha256 is not None:
                    sha256 = self.checksums.of(self.present.bucket.name, reference.key, there)
                found = difference(reference, there.size, "" if there.etag_opaque else there.etag, sha256)
                if found is not None:
                    yield wording.mismatch(reference, self._settings_of(reference), there, found)
                elif there.etag_opaque:
                    self.not_compared += 1

    def _listed_again(self, candidates: Iterable[Reference]) -> Spool[Seen]:
        """The candidates with what one more listing of the source shows."""

        def seen_in(objects: Iterator[StoredObject]) -> Spool[Seen]:
            seen = _spool()
            try:
                for reference, stored in _beside(candidates, objects):
                    seen.append((reference, None if stored is None else _head(stored)))
            except BaseException:  # also where the order breaks, and all is read once more
                seen.close()
                raise
            return seen

        return read_in_order(self.source, "", seen_in)

    def _looked_up(self, candidates: Iterable[Reference]) -> Spool[Seen]:
        """The same by listings of single folders: an inventory would say the same again."""
        seen = _spool()
        try:
            for batch in batches(candidates, BATCH):
                found = self.present.look_up({reference.key for reference in batch})
                for reference in batch:
                    seen.append((reference, _by_listing(found, reference.key)))
        except BaseException:
            seen.close()
            raise
        return seen

    def _still_referenced(self, references: Iterable[Reference]) -> Iterator[Reference]:
        return still_referenced(self.catalog, self.present.bucket.name, references)

    def _settings_of(self, reference: Reference) -> ReferenceSettings:
        return self.catalog.settings.reference[reference.entry]


def _beside(
    references: Iterable[Reference], objects: Iterator[StoredObject]
) -> Iterator[tuple[Reference, StoredObject | None]]:
    """Each reference with the object of its key; both in the byte order of their keys."""
    stored = next(objects, None)
    for reference in references:
        while stored is not None and stored.key < reference.key:
            stored = next(objects, None)
        same = stored is not None and stored.key == reference.key and UNWRITABLE not in reference.key
        yield reference, stored if same else None
    for _ in objects:  # only at its end the order is proven
        pass


def _head(stored: StoredObject) -> ObjectHead:
    return ObjectHead(UNVERSIONED, stored.etag, stored.size, stored.modified_at)


def _by_listing(found: Mapping[str, Found], key: str) -> ObjectHead | None:
    there = found[key]
    return there if isinstance(there, ObjectHead) else None


def _spool() -> Spool[Seen]:
    return Spool(_packed, _unpacked)


def _packed(seen: Seen) -> Any:
    reference, there = seen
    return tuple(reference), there and (there.version_id, there.etag, there.size, there.modified_at.isoformat())


def _unpacked(values: Any) -> Seen:
    reference, there = values
    if there is None:
        return Reference(*reference), None
    version_id, etag, size, modified_at = there
    return Reference(*reference), ObjectHead(version_id, etag, size, datetime.fromisoformat(modified_at))
