"""The confirmation of references without an object: there after all, restorable, meant otherwise, or lost.

What is restorable says from where; a reference that names no possible key is told of as such. Of a listing that left
out many objects which are there nothing is believed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import wording
from printflow_reliability.files.kept_copies import expected_by, likely_copy
from printflow_reliability.files.presence import Presence, in_parallel, or_refusal
from printflow_reliability.files.quarantine.releasable import releasable
from printflow_reliability.files.scan import Candidates, Scope
from printflow_reliability.files.spellings import SPELLED_BATCH, MeantObjects, Nearest
from printflow_reliability.files.spool import Spool, batches
from printflow_reliability.files.still_referenced import BATCH, still_referenced
from printflow_reliability.findings import Finding
from printflow_reliability.platform.catalog import Catalog, Reference
from printflow_reliability.platform.spelling import plain
from printflow_reliability.platform.tenancy import BasePaths
from printflow_reliability.records.quarantine import Held, Quarantined, nothing_held
from printflow_reliability.settings import ReferenceSettings
from printflow_reliability.storage.single_keys import LONGEST_KEY_BYTES, Refusal, possible

FOLDERS_LISTED = 2000
"""Lost objects are few; where they lie in more folders than this, their folders are not looked into one by one."""
SKIPPED_AT_LEAST = 20
SKIPPED_FRACTION = 0.01
"""A listing that left out more than this, of what HEAD then finds to be old, is not to be believed."""
SETTLED = timedelta(minutes=1)


@dataclass(frozen=True)
class MissingConfirmation:
    """What one bucket's missing objects are asked for with.

    Attributes:
        present: the bucket.
        replica: where its objects are copied to, if anywhere.
        started_at: the S3 server's clock before the listing began.
        meant: objects that references may mean under another spelling.
        quarantined: tells which keys are in quarantine.
        near: the keys that references probably mean, of those looked at so far.
    """

    present: Presence
    replica: Presence | None
    catalog: Catalog
    paths: BasePaths
    scope: Scope
    started_at: datetime
    meant: MeantObjects
    quarantined: Held = nothing_held
    near: set[str] = field(default_factory=set)

    def findings(self, found: Candidates) -> Iterator[Finding]:
        """Every reference whose object is still not there."""
        without_copy: Spool[Reference] = Spool(tuple, lambda values: Reference(*values))
        try:
            skipped = 0
            for batch in batches(still_referenced(self.catalog, self.present.bucket.name, found.missing), BATCH):
                gone: list[Reference] = []
                askable: list[Reference] = []
                for reference in batch:
                    if why := _names_nothing(reference.key, self.present.bucket.bucket, self.paths):
                        yield wording.names_nothing(reference, self._settings_of(reference), why)
                    else:
                        askable.append(reference)
                for reference, there in self._there(askable):
                    if isinstance(there, Refusal):
                        yield wording.unknown(reference, self._settings_of(reference), there.reason)
                    elif there is None:
                        gone.append(reference)
                    elif self.scope.contains(reference.key) and there < self.started_at - SETTLED:
                        skipped += 1
                _require_whole(self.present.bucket.name, skipped, found.references)
                held = self.quarantined({reference.key for reference in gone})
                aside = [(reference, held[reference.key]) for reference in gone if reference.key in held]
                gone = [reference for reference in gone if reference.key not in held]
                for (reference, row), releasable in in_parallel(self._releasable, aside):
                    if isinstance(releasable, Refusal):
                        yield wording.unknown(reference, self._settings_of(reference), releasable.reason)
                    elif releasable:
                        yield wording.in_quarantine(reference, self._settings_of(reference), row)
                    else:
                        gone.append(reference)
                for reference, finding in in_parallel(or_refusal(self._restorable), gone):
                    if isinstance(finding, Refusal):
                        yield wording.unknown(reference, self._settings_of(reference), finding.reason)
                    elif finding is not None:
                        yield finding
                    else:
                        without_copy.append(reference)
            for batch in batches(without_copy, SPELLED_BATCH):
                yield from self._near_or_lost(batch)
        finally:
            without_copy.close()

    def _releasable(self, held: tuple[Reference, Quarantined]) -> bool | Refusal:
        return releasable(self.catalog.settings, self.present, held[1])

    def _near_or_lost(self, lost: list[Reference]) -> Iterator[Finding]:
        """The object that each reference probably means, or that nothing is left of it."""
        folders = {reference.key.rpartition("/")[0] for reference in lost}
        nearest = Nearest(self.present, self.paths, self.meant, len(folders) <= FOLDERS_LISTED)
        for reference, near in in_parallel(or_refusal(nearest.to), lost):
            if isinstance(near, Refusal):
                yield wording.unknown(reference, self._settings_of(reference), near.reason)
            elif near is None:
                replica = self.replica.bucket.name if self.replica else None
                yield wording.lost(reference, self._settings_of(reference), replica)
            else:
                self.near.add(near)
                yield wording.near_miss(reference, self._settings_of(reference), near)

    def _there(self, references: Sequence[Reference]) -> Iterator[tuple[Reference, datetime | Refusal | None]]:
        """When what each reference names was last written, or None if it is not there."""
        found = self.present.look_up(reference.key for reference in references if not reference.key.endswith("/"))
        for reference in references:
            if not reference.key.endswith("/"):
                there = found[reference.key]
                yield reference, there if there is None or isinstance(there, Refusal) else there.modified_at
        folders = [reference for reference in references if reference.key.endswith("/")]
        for reference, answer in in_parallel(or_refusal(lambda folder: self.present.any_below(folder.key)), folders):
            yield reference, answer if isinstance(answer, Refusal) else self.started_at if answer else None

    def _restorable(self, reference: Reference) -> Finding | None:
        """The finding that says from where a missing object can be brought back; None if from nowhere."""
        key, settings = reference.key, self._settings_of(reference)
        if key.endswith("/"):
            if self.present.any_prior_below(key):
                return wording.restorable_folder(reference, settings, self.present.bucket.name)
            if self.replica and self.replica.any_below(key):
                return wording.restorable_folder(reference, settings, self.replica.bucket.name)
            return None
        copy = likely_copy(self.present, self.replica, key, expected_by([reference]))
        if copy is None:
            return None
        if copy.may_be_archived:
            other = self.replica if self.replica and copy.bucket.name == self.replica.bucket.name else self.present
            there = other.head_of(key, copy.version_id)
            copy = replace(copy, archived=there.archived if there else "")
        say = wording.restorable_copy if copy.current else wording.restorable_version
        return say(reference, settings, copy)

    def _settings_of(self, reference: Reference) -> ReferenceSettings:
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
