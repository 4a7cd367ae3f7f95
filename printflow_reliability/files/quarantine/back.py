"""One object back from quarantine: our own marker is taken away, or where that is not enough the copy is written back.

Nothing that is there is ever replaced, and no marker but our own is removed.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, TypeAlias

from botocore.exceptions import ClientError

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files.new_objects import take_back, writer
from printflow_reliability.files.presence import KeyRefused, Presence
from printflow_reliability.files.quarantine.copies import Belongings, CutShort, digest_of, fetch, send
from printflow_reliability.files.quarantine.history import content, hidden, is_newest, is_own
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.files.quarantine.place import writing
from printflow_reliability.files.rollback.write import COPY_OF
from printflow_reliability.records import erasures
from printflow_reliability.records import quarantine as manifest
from printflow_reliability.records.quarantine import Quarantined, Records
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.storage.objects import NOT_THERE, Version, head
from printflow_reliability.storage.refusals import REFUSED, reason_for_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

IN_MEMORY = 16 * 1024**2
OfCopy: TypeAlias = Callable[[], BucketSettings]
"""The bucket of the copy, or ConfigError: a place that was renamed concerns only those whose copy is needed."""


@dataclass(frozen=True)
class Returned:
    """What came of one object, and why in a sentence."""

    deed: Deed
    detail: str


def bring_back(settings: Settings, records: Records, row: Quarantined, person: str) -> Returned:
    """Bring one object back, unless it was erased on purpose or something else is there by now.

    What concerns this one alone, such as a bucket that printflow.toml names no more, is its own failure.

    Raises:
        CouldNotTell: a store does not answer.
    """
    if erasure := erasures.in_force(records).of(row.bucket, row.key):
        return Returned(Deed.ERASED, erasure.sentence)
    try:
        bucket, place = settings.bucket_named(row.bucket), partial(settings.bucket_named, row.place)
        present = Presence(bucket)
        if not present.keeps_versions():
            why = f'bucket "{bucket.name}" keeps no versions now, so that nothing is written there'
            return Returned(Deed.FAILED, why)
        with s3_errors(bucket):
            try:
                returned = _brought_back(bucket, place, present.history(row.key), row, records)
            except ClientError as refused:
                return Returned(Deed.FAILED, reason_for_key(refused))
    except (ConfigError, KeyRefused, CutShort) as own:
        return Returned(Deed.FAILED, own.what)
    if returned.deed in (Deed.DONE, Deed.THERE):
        manifest.end(records, row.id, manifest.RELEASED, person, returned.detail)
    return returned


def _brought_back(
    bucket: BucketSettings,
    place: OfCopy,
    history: tuple[Version, ...],
    row: Quarantined,
    records: Records | None = None,
) -> Returned:
    client = writer(bucket)
    newest, shown = history[0] if history else None, content(history)
    if newest is not None and not newest.delete_marker:
        if is_own(newest, row):
            if not _archived(client, bucket, row.key, newest):
                return Returned(Deed.THERE, "it is there")
            return _copied_back(client, bucket, place, row, records, newest)  # else it is there and nobody can read it
        if _is_copy_of(client, bucket, row, newest):
            return Returned(Deed.THERE, "it is there")
        return Returned(Deed.MEANWHILE, "another file was written under its key since, and stays; so does the copy")
    if shown is not None and not is_newest(row, history) and not _is_copy_of(client, bucket, row, shown):
        return Returned(Deed.FAILED, hidden(row, shown))  # its own content is older than what the marker hides
    below = history[1] if len(history) > 1 else None
    ours = newest is not None and newest.version_id == row.marker_version
    if ours and below is not None and below is shown and is_own(below, row) and _shows(client, bucket, row.key, below):
        try:
            client.delete_object(Bucket=bucket.bucket, Key=row.key, VersionId=row.marker_version or "")
        except ClientError as refused:  # a key that may not end versions may still write
            if refused.response.get("Error", {}).get("Code") not in REFUSED:
                raise
        else:
            return _seen(client, bucket, row)
    return _copied_back(client, bucket, place, row, records)


def _shows(client: "S3Client", bucket: BucketSettings, key: str, version: Version) -> bool:
    """Whether a version can be read everywhere once the marker above it is gone.

    S3 replicates no delete of a version: the marker would hide the file in the replica for ever.
    """
    return bucket.replica is None and not _archived(client, bucket, key, version)


def _archived(client: "S3Client", bucket: BucketSettings, key: str, version: Version) -> bool:
    """Whether the bytes cannot be read, or only for the days of a retrieval."""
    there = head(client, bucket.bucket, key, version.version_id) if version.may_be_archived else None
    return there is not None and bool(there.archived or there.readable_until)


def _seen(client: "S3Client", bucket: BucketSettings, row: Quarantined) -> Returned:
    """Whether the object is there once its marker is gone."""
    now = client.head_object(Bucket=bucket.bucket, Key=row.key)
    if now.get("VersionId") == row.version_id:
        return Returned(Deed.DONE, "its delete marker was removed")
    return Returned(Deed.MEANWHILE, "another file was written under its key meanwhile, and stays; so does the copy")


def _is_copy_of(client: "S3Client", bucket: BucketSettings, row: Quarantined, version: Version) -> bool:
    """Whether a version is what an earlier release wrote back, and reads as it must."""
    try:
        which = {"Bucket": bucket.bucket, "Key": row.key, "VersionId": version.version_id}
        found = client.head_object(**which)  # type: ignore[arg-type]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in NOT_THERE:
            raise
        return False
    if found.get("Metadata", {}).get(COPY_OF) != row.version_id:
        return False
    return digest_of(bucket, client, row.key, version.version_id) == row.sha256


def _copied_back(
    client: "S3Client",
    bucket: BucketSettings,
    place: OfCopy,
    row: Quarantined,
    records: Records | None,
    over: Version | None = None,
) -> Returned:
    """Write the copy where nothing is, or over its own version that nobody can read, which stays as a version."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        if why := _fetched(client, bucket, place, row, body):
            return Returned(Deed.FAILED, f"{why}; nothing was written")
        arguments = Belongings(**row.headers or {}).arguments(printflow_copy_of=row.version_id)
        written = send(bucket, client, row.key, body, arguments, records, over.etag if over else "")
    if written is None:
        return Returned(Deed.MEANWHILE, "somebody was faster: another file is there, and stays; so does the copy")
    if digest_of(bucket, client, row.key, written) != row.sha256:
        try:
            removed = take_back(bucket, row.key, written)
        except CouldNotTell:  # a key that may not end versions
            removed = False
        detail = f"what was written reads back differently; it was {'removed' if removed else 'left there'}"
        return Returned(Deed.FAILED, detail)
    return Returned(Deed.DONE, "its copy was written back")


def _fetched(client: "S3Client", bucket: BucketSettings, place: OfCopy, row: Quarantined, body: IO[bytes]) -> str:
    """Read its own version, or where that cannot be its copy; why neither could be, empty if either was."""
    # First its own version, since it needs no second server.
    if not (own := _read(bucket, client, (row.key, row.version_id), row.sha256, body)):
        return ""
    try:
        there = place()
    except ConfigError as renamed:
        return f"its own version {own}; its copy is out of reach: {renamed.what}"
    with s3_errors(there):
        copy = _read(there, writing(there), (row.place_key, row.place_version or ""), row.sha256, body)
    return f'its own version {own}; its copy in bucket "{there.name}" {copy}' if copy else ""


def _read(
    bucket: BucketSettings, client: "S3Client", version: tuple[str, str], sha256: str | None, body: IO[bytes]
) -> str:
    """Read a version, by key and id; what is wrong with it, empty if it reads as it must."""
    body.seek(0)
    body.truncate()
    try:
        _, found = fetch(bucket, client, *version, body)
    except ClientError as refused:
        code = refused.response.get("Error", {}).get("Code")
        said = dict.fromkeys((*NOT_THERE, "NoSuchVersion"), "is gone")
        said["InvalidObjectState"] = "is archived and must be retrieved first"
        return said.get(code or "", f"is refused ({code})")
    except CutShort as cut:
        return f"is cut short ({cut.what})"
    return "" if found == sha256 else "reads back differently"
