"""The scan: one pass over a bucket and its references, which leaves candidates and no verdicts.

Both sides move while one looks: orders are placed, files replaced, tenants deleted. So what differs here is only
suspected; `confirm` asks again.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from printflow_reliability.files.content import compared, difference
from printflow_reliability.files.known_content import KnownContent
from printflow_reliability.files.merge import Pair, merge
from printflow_reliability.files.regenerations import Regenerations
from printflow_reliability.files.spool import Spool
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.platform.spelling import has_parent_segment
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.progress import Advance
from printflow_reliability.storage.pages import StoredObject

ADVANCE_EVERY = 5000


def _references() -> Spool[Reference]:
    return Spool(tuple, lambda values: Reference(*values))


def objects_spool() -> Spool[StoredObject]:
    """A list of objects on disk."""
    return Spool(
        lambda stored: (*stored[:3], stored.modified_at.isoformat()),
        lambda values: StoredObject(values[0], values[1], values[2], datetime.fromisoformat(values[3])),
    )


@dataclass
class Candidates:
    """What one pass suspects, and what it counted. `elsewhere` lies outside what was listed, so only HEAD can tell.

    Of `mismatched` size or checksum differ, of `other_etag` the ETag alone, which may be no MD5.
    `rewritten` refers to objects that were written after the moment that the pass was asked about.
    """

    missing: Spool[Reference] = field(default_factory=_references)
    wrong_tenant: Spool[Reference] = field(default_factory=_references)
    mismatched: Spool[Reference] = field(default_factory=_references)
    other_etag: Spool[Reference] = field(default_factory=_references)
    rewritten: Spool[Reference] = field(default_factory=_references)
    unreferenced: Spool[StoredObject] = field(default_factory=objects_spool)
    regenerations: Regenerations = field(default_factory=Regenerations)
    rows: Counter[tuple[int, str | None]] = field(default_factory=Counter)
    """References by query and tenant."""
    references: int = 0
    objects: int = 0
    elsewhere: int = 0
    without_ledger: int = 0
    not_compared: int = 0
    """References whose checksums say nothing of an object that was never read, or has an ETag that is no MD5."""

    def close(self) -> None:
        """Free the disk."""
        references = (self.missing, self.wrong_tenant, self.mismatched, self.other_etag, self.rewritten)
        for spool in (*references, self.unreferenced):
            spool.close()


@dataclass(frozen=True)
class Scope:
    """What a pass looks at: everything below some prefixes, and the references of one tenant or of all (None).

    The prefixes of a tenant without base paths are none: its references alone are asked about.
    """

    prefixes: tuple[str, ...] = ("",)
    tenant: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return self == Scope()

    def contains(self, key: str) -> bool:
        """Whether an object of this key is among those that are looked at."""
        return key.startswith(self.prefixes)

    def covers(self, reference: Reference) -> bool:
        """Whether the pass answers for this reference, rather than only having it cover objects."""
        if self.tenant is None or reference.tenant == self.tenant:
            return True
        return reference.tenant is None and self.contains(reference.key)


def scan(
    references: Iterator[Reference],
    objects: Iterator[StoredObject],
    paths: BasePaths,
    bucket: str,
    scope: Scope,
    known: KnownContent | None,
    advance: Advance | None = None,
    since: datetime | None = None,
) -> Candidates:
    """Join both streams and keep what differs, and with `since` also what refers to an object written after it.

    `bucket` is the bucket's own name, by which URLs know it.
    """
    found = Candidates()
    pairs = merge(references, _counted(objects, found, advance), lambda key: paths.too_wide(key, bucket))
    try:
        _join(pairs, found, paths, bucket, scope, known, since)
    except BaseException:
        found.close()
        raise
    return found


def _join(
    pairs: Iterator[Pair],
    found: Candidates,
    paths: BasePaths,
    bucket: str,
    scope: Scope,
    known: KnownContent | None,
    since: datetime | None,
) -> None:
    for reference, stored in pairs:
        if reference is None:
            if stored is not None:
                found.unreferenced.append(stored)
                found.regenerations.alone(stored)
            continue
        if not scope.covers(reference):
            continue
        found.references += 1
        found.rows[reference.entry, reference.tenant] += 1
        folder = reference.key.endswith("/")
        if stored is not None and not folder:
            found.regenerations.named(stored, reference.owner)
        rewritten = since is not None and stored is not None and stored.modified_at > since and not folder
        if rewritten:
            found.rewritten.append(reference)
        if out_of_place(reference, paths, None if stored else bucket):
            found.wrong_tenant.append(reference)
        elif stored is None:
            found.missing.append(reference)
            found.elsewhere += not scope.contains(reference.key)
        elif not folder and not rewritten:
            _compare(reference, stored, found, known)
    found.regenerations.end()


def _compare(reference: Reference, stored: StoredObject, found: Candidates, known: KnownContent | None) -> None:
    """Keep a reference whose object is not what the database knows of it, by what the listing and the ledger tell."""
    sha256 = known.sha256(stored.key, stored.etag) if known and reference.sha256 else None
    if found_other := difference(reference, stored.size, stored.etag, sha256):
        (found.other_etag if found_other.by_etag else found.mismatched).append(reference)
    elif reference.sha256 is not None and known is None:
        found.without_ledger += 1
    elif not compared(reference, stored.etag, sha256):
        found.not_compared += 1


def out_of_place(reference: Reference, paths: BasePaths, bucket: str | None = None) -> bool:
    """Whether a reference leaves its tenant: it climbs by `..`, or lies under somebody else's base path.

    Args:
        reference: of no known tenant, it may lie anywhere.
        paths: the tenants' base paths.
        bucket: the bucket's own name where it has no object of exactly this key; then all spellings count.
    """
    key = reference.key
    if (".." in key or "%" in key) and has_parent_segment(key):
        return True
    if reference.tenant is None:
        return False
    if key.startswith(paths.of.get(reference.tenant, ())):
        return paths.nested and paths.owner_of(key) != reference.tenant
    owner = paths.owner_of(key)
    if owner is not None:
        return owner != reference.tenant
    meant = paths.owners_meant(key, bucket) if bucket is not None else frozenset()
    return bool(meant) and reference.tenant not in meant


def _counted(objects: Iterator[StoredObject], found: Candidates, advance: Advance | None) -> Iterator[StoredObject]:
    for stored in objects:
        found.objects += 1
        if advance is not None and found.objects % ADVANCE_EVERY == 0:
            advance(found.objects)
        yield stored
