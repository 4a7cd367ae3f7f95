"""The three steps of one orphan on its way aside: what is there, a copy that was read back, and the delete marker.

Once DELETE was sent, nothing is given up that a marker might hide: what is not known then stays open for the next run.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from botocore.exceptions import ClientError

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files.new_objects import NULL_VERSION, writer
from printflow_reliability.files.presence import KeyRefused, Presence
from printflow_reliability.files.quarantine.beside import noted
from printflow_reliability.files.quarantine.copies import Belongings, CutShort, digest_of, fetch, send
from printflow_reliability.files.quarantine.history import content, hidden, is_newest, is_own
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.files.quarantine.place import Place
from printflow_reliability.files.quarantine.plan import Orphan
from printflow_reliability.records.quarantine import Quarantined, Records
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.storage.objects import NOT_THERE, Version
from printflow_reliability.storage.refusals import reason_for_key

IN_MEMORY = 16 * 1024**2
CHANGED = "somebody wrote or deleted it since it was planned"
_GO_ON = "The next `files quarantine --apply` looks again"
Failure: TypeAlias = tuple[Deed, str]
"""What came of an object that was not moved, and why."""


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


@dataclass(frozen=True)
class Unsure:
    """A marker that may stand, and why that is not known; `away`: the store answers nobody."""

    why: str
    away: CouldNotTell | None = None


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


def copied(bucket: BucketSettings, place: Place, row: Quarantined, records: Records | None = None) -> Copied | Failure:
    """Copy the version into the place, and read the copy back; a copy that a killed run left there is taken.

    Raises:
        CouldNotTell: a store does not answer.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        try:
            with s3_errors(bucket), refused_for_key():
                belongings, sha256 = fetch(bucket, writer(bucket), row.key, row.version_id, body)
            with s3_errors(place.bucket), refused_for_key():
                client = place.client
                version = send(place.bucket, client, row.place_key, body, belongings.arguments(), records)
                if version is None:
                    head = client.head_object(Bucket=place.bucket.bucket, Key=row.place_key)
                    version = head.get("VersionId", NULL_VERSION)
                read_back = digest_of(place.bucket, client, row.place_key, version)
                whole = read_back == sha256 and noted(place, row, version, sha256, belongings)
        except _RefusedError as refused:
            return refused.failure
        except CutShort as cut:
            return Deed.FAILED, cut.what
    if read_back != sha256:
        return Deed.FAILED, f'its copy in bucket "{place.bucket.name}" reads back differently'
    if not whole:
        return Deed.FAILED, f'the note beside its copy in bucket "{place.bucket.name}" reads back differently'
    return Copied(version, sha256, belongings)


def marked(bucket: BucketSettings, row: Quarantined) -> str | Failure | Unsure:
    """Make the delete marker on the version that was copied; the marker's version.

    A newer version that came under it in the same moment is shown again: our marker is taken away. It raises nothing:
    of several that are marked at once, each must be noted.
    """
    present = Presence(bucket)
    try:
        if not present.keeps_versions():
            return Deed.FAILED, f'bucket "{bucket.name}" keeps no versions any more: a delete would be final'
        newest = next(iter(present.history(row.key)), None)
    except KeyRefused as refused:
        return Deed.FAILED, refused.what
    except CouldNotTell as away:
        return Unsure(away.what, away)
    if newest is None or newest.delete_marker or not is_own(newest, row):
        return Deed.MEANWHILE, CHANGED
    try:
        with s3_errors(bucket):
            answer = writer(bucket).delete_object(Bucket=bucket.bucket, Key=row.key)
        return _looked_after(bucket, row, answer.get("VersionId", ""), present.history(row.key))
    except CouldNotTell as failed:  # it may have been done all the same
        return Unsure(f"whether its delete marker stands is not known: {failed.what}. {_GO_ON}")


def _looked_after(
    bucket: BucketSettings, row: Quarantined, marker: str, history: tuple[Version, ...]
) -> str | Failure | Unsure:
    if not marker or not any(version.version_id == marker and version.delete_marker for version in history):
        return Unsure(
            f'bucket "{bucket.name}" made no delete marker, though it says that it keeps versions; find out what '
            f"became of it, then: {row.release_command}"
        )
    shown = content(history)
    own = shown is not None and is_own(shown, row)
    if shown is None or (not own and is_newest(row, history)):  # versioning was suspended in this moment
        return Unsure(f"its version is no longer below its delete marker; its copy is left: {row.release_command}")
    if own:
        return marker
    if marker == NULL_VERSION:
        return Unsure(hidden(row, shown))
    try:
        with s3_errors(bucket):
            writer(bucket).delete_object(Bucket=bucket.bucket, Key=row.key, VersionId=marker)
    except CouldNotTell as failed:
        return Unsure(f"{hidden(row, shown)} ({failed.what})")
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
