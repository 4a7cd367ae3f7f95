"""The confirmation: each suspicion is asked about again, in the database and in the bucket, before it is a finding.

An object written or deleted meanwhile, a row or a tenant gone meanwhile, is no finding. What the store refuses for one
key is that key's "could not tell"; a store that does not answer ends the pass. Neither ever becomes "missing".
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from printflow_reliability.files import wording
from printflow_reliability.files.confirm_mismatched import MismatchConfirmation
from printflow_reliability.files.confirm_missing import MissingConfirmation
from printflow_reliability.files.confirm_orphans import OrphanConfirmation
from printflow_reliability.files.emptied import Emptied
from printflow_reliability.files.known_content import Checksums
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.scan import Candidates, Scope, out_of_place
from printflow_reliability.files.spellings import SPELLED_BATCH, MeantObjects, Spellings
from printflow_reliability.files.spool import batches
from printflow_reliability.files.still_referenced import still_referenced
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, Reference
from printflow_reliability.platform.spelling import has_parent_segment
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.records.quarantine import Held, nothing_held
from printflow_reliability.settings import ReferenceSettings
from printflow_reliability.storage.sources import Source


@dataclass
class Confirmation:
    """What one bucket's candidates are asked with.

    Attributes:
        present: the bucket.
        replica: where its objects are copied to, if anywhere.
        catalog: the reference queries.
        paths: the tenants' base paths, read anew after the scan.
        started_at: the moment that the objects were listed as of, by the S3 server's clock, or before it.
        source: where the bucket's objects are read from.
        fallen: tells the queries that return nothing any more, or fail by now.
        quarantined: tells which keys of the bucket are in quarantine.
        orphan_bytes: of the orphans found so far.
        not_compared: objects so far whose ETag turned out to say nothing of their content.
    """

    present: Presence
    replica: Presence | None
    catalog: Catalog
    paths: BasePaths
    scope: Scope
    started_at: datetime
    source: Source
    grace_seconds: float
    checksums: Checksums | None
    fallen: Callable[[], Sequence[Emptied]] = tuple
    quarantined: Held = nothing_held
    orphan_bytes: int = 0
    not_compared: int = 0
    _meant: MeantObjects = field(default_factory=MeantObjects)

    @property
    def name(self) -> str:
        """The bucket's name in printflow.toml."""
        return self.present.bucket.name

    def findings(self, found: Candidates) -> Iterator[Finding]:
        """Every candidate that is still what it seemed to be."""
        self._note_meant(found)
        yield from self._wrong_tenant(found)
        missing = MissingConfirmation(
            self.present,
            self.replica,
            self.catalog,
            self.paths,
            self.scope,
            self.started_at,
            self._meant,
            self.quarantined,
        )
        yield from missing.findings(found)
        mismatched = MismatchConfirmation(self.present, self.catalog, self.source, self.checksums)
        yield from mismatched.findings(found.mismatched)
        yield from mismatched.findings(found.other_etag, by_etag=True)
        self.not_compared += mismatched.not_compared
        oldest = self.started_at - timedelta(seconds=self.grace_seconds)
        needed = self._meant.keys | missing.near
        orphans = OrphanConfirmation(
            self.present,
            self.catalog,
            self.paths,
            self.scope,
            oldest,
            needed,
            self.fallen,
            self.source,
            found.regenerations,
        )
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
                self._meant.note(spellings, (stored.key for stored in found.unreferenced))

    def _wrong_tenant(self, found: Candidates) -> Iterator[Finding]:
        bucket = self.present.bucket.bucket
        for reference in still_referenced(self.catalog, self.name, found.wrong_tenant):
            if out_of_place(reference, self.paths, bucket):
                owners = sorted(self.paths.owners_meant(reference.key, bucket))
                owner = self.paths.owner_of(reference.key) or next(iter(owners), None)
                yield wording.wrong_tenant(
                    reference, self._settings_of(reference), None if has_parent_segment(reference.key) else owner
                )

    def _settings_of(self, reference: Reference) -> ReferenceSettings:
        return self.catalog.settings.reference[reference.entry]
