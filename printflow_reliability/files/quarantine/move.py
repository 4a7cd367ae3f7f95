"""Moving orphans aside: copy, read back, note, and only then a delete marker, on the very version that was copied.

Whether a row names an object is asked before its marker and once more after it: who comes in between finds the object
there again. Whatever breaks off is gone on with by the next run.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, TypeVar

from botocore.exceptions import ClientError

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.new_objects import NULL_VERSION, writer
from printflow_reliability.files.presence import KeyRefused, Presence
from printflow_reliability.files.quarantine.back import bring_back
from printflow_reliability.files.quarantine.copies import Belongings, digest_of, fetch, send
from printflow_reliability.files.quarantine.outcome import Deed, Outcome
from printflow_reliability.files.quarantine.place import Place
from printflow_reliability.files.quarantine.plan import Orphan
from printflow_reliability.files.quarantine.references import References
from printflow_reliability.files.rollback.carry_out import Pace
from printflow_reliability.files.spool import batches
from printflow_reliability.progress import Advance
from printflow_reliability.records import quarantine as manifest
from printflow_reliability.records.quarantine import Quarantined, Records
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.storage.objects import NOT_THERE
from printflow_reliability.storage.refusals import reason_for_key
from printflow_reliability.storage.workers import Workers

IN_FLIGHT = 8
AT_A_TIME = 16
"""Objects whose references are asked for together: the fewer, the sooner after it the markers follow."""
IN_MEMORY = 16 * 1024**2
CHANGED = "somebody wrote or deleted it since it was planned"
NAMED = "a row refers to it now"
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Seen:
    """What is there before it is copied."""

    version: str
    etag: str


@dataclass(frozen=True)
class Copied:
    """A verified copy."""

    version: str
    sha256: str
    belongings: Belongings


Failure: TypeAlias = tuple[Deed, str]
"""What came of an object that was not moved, and why."""


def in_threads(ask: Callable[[T], R], what: Sequence[T]) -> Iterable[tuple[T, R]]:
    """Each with its answer, in order; the first that raises ends all."""
    with Workers(IN_FLIGHT) as pool:
        return [*zip(what, pool.map(ask, what), strict=True)]


@dataclass(frozen=True)
class Mover:
    """What one run works with; `person` is who runs it."""

    settings: Settings
    records: Records
    references: References
    place: Place
    person: str
    pace: Pace
    outcome: Outcome = field(default_factory=Outcome)

    def move(self, orphans: Sequence[Orphan], advance: Advance | None = None) -> Outcome:
        """Move each; what a store refuses for a key is that key's, and one that is away ends the run."""
        done = 0
        try:
            for batch in batches(orphans, AT_A_TIME):
                self._batch(batch)
                done += len(batch)
                if advance is not None:
                    advance(done, len(orphans))
        except CouldNotTell as away:
            self.outcome.stopped = away.sentence
        return self.outcome

    def go_on(self) -> None:
        """End what a run that was killed has begun: a marker that stands is noted, what changed is given up.

        Raises:
            CouldNotTell: a bucket or a database does not answer.
        """
        rows = manifest.unfinished(self.records)
        stand = [row for row in rows if self._stands(row)]
        for row in stand:
            manifest.moved(self.records, row.id, None)
            self.outcome.add(Deed.DONE, row.bucket, row.key, row.bytes)
        self._return_named(stand)

    def _stands(self, row: Quarantined) -> bool:
        """Whether its version is kept below a marker; gives up what is something else by now."""
        history = Presence(self.settings.bucket_named(row.bucket)).history(row.key)
        newest, below = history[0] if history else None, history[1] if len(history) > 1 else None
        if newest is not None and newest.version_id == row.version_id:
            return False  # its marker was not made; the plan finds it again
        if row.copied and newest is not None and newest.delete_marker and below and below.version_id == row.version_id:
            return True
        manifest.end(self.records, row.id, manifest.GIVEN_UP, self.person, CHANGED)
        return False

    def _batch(self, batch: Sequence[Orphan]) -> None:
        rows: list[Quarantined] = []
        for orphan, found in in_threads(self._seen, batch):
            if isinstance(found, Seen):
                rows.append(self._begun(orphan, found))
            else:
                self.outcome.add(found[0], orphan.bucket, orphan.key, orphan.bytes, found[1])
        for row, copy in in_threads(self._copied, [row for row in rows if not row.copied]):
            if isinstance(copy, Copied):
                manifest.copied(self.records, row.id, copy.version, copy.sha256, copy.belongings.as_json())
            else:
                self._give_up(row, copy)
                rows.remove(row)
        for row in self._named(rows):
            self._give_up(row, (Deed.NAMED, NAMED))
            rows.remove(row)
        made: list[Quarantined] = []
        for row, marker in in_threads(self._marked, rows):
            if isinstance(marker, str):
                manifest.moved(self.records, row.id, marker)
                made.append(row)
            else:
                self._give_up(row, marker)
        returned: frozenset[int] = frozenset()
        try:
            returned = self._return_named(made)
        finally:  # what was moved is moved, also where the databases cannot be asked once more
            for row in made:
                if row.id not in returned:
                    self.outcome.add(Deed.DONE, row.bucket, row.key, row.bytes)

    def _begun(self, orphan: Orphan, found: Seen) -> Quarantined:
        return manifest.begin(
            self.records,
            bucket=orphan.bucket,
            key=orphan.key,
            tenant=orphan.tenant,
            version_id=found.version,
            bytes=orphan.bytes,
            etag=found.etag,
            reason=orphan.said,
            superseded_by=orphan.superseded_by,
            place=self.place.bucket.name,
            place_key=self.place.new_key(orphan.bucket, orphan.tenant),
            person=self.person,
        )

    def _give_up(self, row: Quarantined, failure: Failure) -> None:
        deed, why = failure
        manifest.end(self.records, row.id, manifest.GIVEN_UP, self.person, why)
        self.outcome.add(deed, row.bucket, row.key, row.bytes, why)

    def _named(self, rows: Iterable[Quarantined]) -> list[Quarantined]:
        """Those that a row of the platform names now."""
        by_bucket: dict[str, list[Quarantined]] = {}
        for row in rows:
            by_bucket.setdefault(row.bucket, []).append(row)
        found = []
        for bucket, of_bucket in by_bucket.items():
            named = self.references.naming(bucket, [row.key for row in of_bucket])
            found += [row for row in of_bucket if row.key in named]
        return found

    def _return_named(self, marked: Sequence[Quarantined]) -> frozenset[int]:
        """Bring back at once what was named while its marker was made; the numbers of these."""
        named = {row.id for row in self._named(marked)}
        for row in manifest.chosen(self.records, [row.key for row in marked if row.id in named]) if named else ():
            if row.id in named:
                back = bring_back(self.settings, self.records, row, self.person)
                self.outcome.add(Deed.NAMED, row.bucket, row.key, row.bytes, f"{NAMED}; {back.detail}")
        return frozenset(named)

    def _seen(self, orphan: Orphan) -> Seen | Failure:
        self.pace.wait()
        return seen(self.settings.bucket_named(orphan.bucket), orphan)

    def _copied(self, row: Quarantined) -> Copied | Failure:
        return copied(self.settings.bucket_named(row.bucket), self.place, row)

    def _marked(self, row: Quarantined) -> str | Failure:
        return marked(self.settings.bucket_named(row.bucket), row)


def seen(bucket: BucketSettings, orphan: Orphan) -> Seen | Failure:
    """The version that is there, if it is what the listing showed.

    Raises:
        CouldNotTell: the store does not answer.
    """
    try:
        there = Presence(bucket).head(orphan.key)
    except KeyRefused as refused:
        return Deed.FAILED, refused.what
    if there is None or (there.size, _second(there.modified_at)) != (orphan.bytes, _second(orphan.written_at)):
        return Deed.MEANWHILE, CHANGED
    if there.archived:
        return Deed.FAILED, f"it lies in {there.archived} and must be retrieved first"
    return Seen(there.version_id, there.etag)


def copied(bucket: BucketSettings, place: Place, row: Quarantined) -> Copied | Failure:
    """Copy the version into the place, and read the copy back; a copy that a killed run left there is taken.

    Raises:
        CouldNotTell: a store does not answer, or sends less than all.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        try:
            with s3_errors(bucket), refused_for_key():
                belongings, sha256 = fetch(bucket, writer(bucket), row.key, row.version_id, body)
            with s3_errors(place.bucket), refused_for_key():
                client = place.client
                version = send(place.bucket, client, row.place_key, body, belongings.arguments())
                if version is None:
                    head = client.head_object(Bucket=place.bucket.bucket, Key=row.place_key)
                    version = head.get("VersionId", NULL_VERSION)
                read_back = digest_of(place.bucket, client, row.place_key, version)
        except _RefusedError as refused:
            return refused.failure
    if read_back != sha256:
        return Deed.FAILED, f'its copy in bucket "{place.bucket.name}" reads back differently'
    return Copied(version, sha256, belongings)


def marked(bucket: BucketSettings, row: Quarantined) -> str | Failure:
    """Make the delete marker on the version that was copied; the marker's version.

    A newer version that came under it in the same moment is shown again: our marker is taken away.

    Raises:
        CouldNotTell: the store does not answer, or made no marker though it says that it keeps versions.
    """
    present = Presence(bucket)
    try:
        newest = next(iter(present.history(row.key)), None)
        if newest is None or newest.delete_marker or newest.version_id != row.version_id:
            return Deed.MEANWHILE, CHANGED
        with s3_errors(bucket), refused_for_key():
            answer = writer(bucket).delete_object(Bucket=bucket.bucket, Key=row.key)
        history = present.history(row.key)
    except KeyRefused as refused:
        return Deed.FAILED, refused.what
    except _RefusedError as refused:
        return refused.failure
    marker = answer.get("VersionId", "")
    if not marker or not any(version.version_id == marker and version.delete_marker for version in history):
        raise CouldNotTell(
            f'bucket "{bucket.name}" made no delete marker for {row.key!r}, though it says that it keeps versions',
            f"find out what became of it, then: {row.release_command}",
        )
    below = [version for version in history if not version.delete_marker]
    if below and below[0].version_id == row.version_id:
        return marker
    with s3_errors(bucket):
        writer(bucket).delete_object(Bucket=bucket.bucket, Key=row.key, VersionId=marker)
    return Deed.MEANWHILE, CHANGED


class _RefusedError(Exception):
    """What a store refuses for one key."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure[1])
        self.failure = failure


@contextmanager
def refused_for_key() -> Iterator[None]:
    """A refusal is the key's own, and no reason to stop."""
    try:
        yield
    except ClientError as error:
        gone = error.response.get("Error", {}).get("Code") in (*NOT_THERE, "NoSuchVersion")
        raise _RefusedError((Deed.MEANWHILE, CHANGED) if gone else (Deed.FAILED, reason_for_key(error))) from None


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
