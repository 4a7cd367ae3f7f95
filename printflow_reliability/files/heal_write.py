"""Bringing one object back: its copy is read by its version, written if the key is still free, and read back.

What it carried comes back with it: headers, metadata, tags, and a lock that has not ended.
"""

import hashlib
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import IO, Any

import psycopg

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files import parts
from printflow_reliability.files.carried import Lock, headers_of, keep_lock, tagging_of
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.new_objects import NULL_VERSION, put_new, sha256_of, take_back, writer
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.quarantine.back import bring_back
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.records import erasures, file_heals, quarantine
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.silence import chunks
from printflow_reliability.text import shell_word

IN_MEMORY = 16 * 1024**2
FASTER = "it is there again: somebody was faster"


def overwriting(present: Presence, action: HealAction, version_ids: Iterable[str]) -> str:
    """Why writing a key would destroy a version of it; empty if it would not.

    Without versioning an object has the version "null". A bucket whose versioning is suspended writes to that version,
    and what it held is gone.

    Args:
        present: the bucket.
        action: what is to be brought back.
        version_ids: the versions of the key, in this bucket, that hold bytes.
    """
    if NULL_VERSION not in version_ids or present.keeps_versions():
        return ""
    server = f" --endpoint-url {shell_word(present.bucket.endpoint_url)}" if present.bucket.endpoint_url else ""
    return (
        f'versioning of bucket "{action.bucket}" is suspended: writing the object would overwrite its version "null"'
        f". Next: aws s3api put-bucket-versioning --bucket {shell_word(present.bucket.bucket)}{server}"
        f" --versioning-configuration Status=Enabled, then: printflow files heal --key {shell_word(action.key)} --apply"
    )


def carry_out(
    settings: Settings, records: psycopg.Connection, action: HealAction, *, automatic: bool = False
) -> HealAction:
    """Copy one object back, unless it was erased on purpose; a failure is its own, and others go on.

    Args:
        settings: the whole file.
        records: where it is recorded.
        action: what is planned.
        automatic: nobody has asked for it but the policy.
    """
    try:
        bucket = settings.bucket_named(action.bucket)
        # The place of a file in quarantine may be renamed by now: a release needs it only where it needs the copy.
        source = bucket if action.quarantine is not None else settings.bucket_named(action.source or action.bucket)
    except ConfigError as renamed:
        return replace(action, deed=HealStatus.FAILED, detail=renamed.sentence)
    if erasure := erasures.in_force(records).of(action.bucket, action.key):
        return replace(action, deed=HealStatus.ERASED, detail=f"{erasure.sentence}: nothing brings it back")
    try:
        if action.quarantine is not None:
            return _released(settings, records, action, action.quarantine)
        present = Presence(bucket)
        if present.head(action.key) is not None:
            return replace(action, deed=HealStatus.THERE, detail=FASTER)
        priors = {prior.version_id for prior in present.priors(action.key)}
        if why := overwriting(present, action, priors):
            return replace(action, deed=HealStatus.UNDECIDED, detail=why)
    except CouldNotTell as failed:
        return replace(action, deed=HealStatus.FAILED, detail=failed.sentence)
    where = (action.bucket, action.key, action.tenant, action.source, action.version_id, action.size)
    begun = file_heals.begin(records, where, automatic=automatic)
    try:
        done = _written(present, source, action, records, begun, priors)
    except CouldNotTell as failed:
        done = replace(action, deed=HealStatus.FAILED, detail=failed.sentence)
    if done.deed is HealStatus.THERE or (done.deed is HealStatus.FAILED and _as_before(present, action.key, priors)):
        file_heals.forget(records, begun)
    return done


def _written(
    present: Presence,
    source: BucketSettings,
    action: HealAction,
    records: psycopg.Connection,
    begun: int,
    priors: Collection[str],
) -> HealAction:
    """Write the object, read it back, record that and lock it.

    Raises:
        CouldNotTell: a bucket does not answer; the object may be there nevertheless.
    """
    # "null" is a version too: the one from before versioning, which a delete marker hides from a plain GET.
    bucket, version, size = present.bucket, action.version_id or NULL_VERSION, action.size or 0
    carried, lock, lacking = _carried(source, action.key, version)
    if size > parts.LARGEST_AT_ONCE:
        written, sha256 = _in_parts(bucket, source, action, carried, records)
    else:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            sha256 = _read(source, action, version, body)
            written = put_new(bucket, action.key, body, carried)
    if written is None:
        written = _own(present, action, sha256, priors)
    if written is None:
        return replace(action, deed=HealStatus.THERE, detail=FASTER)
    if sha256_of(bucket, action.key, written) != sha256:
        removed = take_back(bucket, action.key, written)
        detail = f"what was written reads back differently; it was {'removed' if removed else 'left there'}"
        return replace(action, deed=HealStatus.FAILED, detail=detail)
    # From here on the object is back, and recorded, whatever its lock comes to.
    file_heals.finish(records, begun, written, sha256)
    with s3_errors(bucket):
        unlocked = keep_lock(writer(bucket), bucket.bucket, action.key, written, lock, present.now())
    back = f'back from version {action.version_id} of bucket "{source.name}"'
    detail = "; ".join(filter(None, (back, lacking, unlocked)))
    return replace(action, deed=HealStatus.HEALED, detail=detail)


def _own(present: Presence, action: HealAction, sha256: str, priors: Collection[str]) -> str | None:
    """The version of what was written by a request whose answer was lost, so that its repetition was refused.

    None if what is there is another file. Where somebody else wrote the very same meanwhile, it is as good.

    Raises:
        CouldNotTell: there is no object, or the bucket does not answer.
    """
    there = present.head(action.key)
    if there is None:
        raise CouldNotTell(f"{action.key!r} was refused, as if there were an object, and there is none", "try again")
    version = there.version_id or NULL_VERSION
    if version in priors or there.size != action.size:
        return None
    return version if sha256_of(present.bucket, action.key, version) == sha256 else None


def _as_before(present: Presence, key: str, priors: Collection[str]) -> bool:
    """Whether nothing was written; where that cannot be told, something may have been."""
    try:
        return {prior.version_id for prior in present.priors(key)} <= set(priors)
    except CouldNotTell:
        return False


def _released(settings: Settings, records: psycopg.Connection, action: HealAction, number: int) -> HealAction:
    rows = quarantine.newest_of_each(quarantine.chosen(records, [action.key], bucket=action.bucket))
    row = next((row for row in rows if row.id == number), None)
    if row is None:
        return replace(action, deed=HealStatus.FAILED, detail="it is in quarantine no more; run the command again")
    back = bring_back(settings, records, row, "files heal")
    status = {Deed.DONE: HealStatus.HEALED, Deed.THERE: HealStatus.THERE, Deed.MEANWHILE: HealStatus.THERE}
    return replace(action, deed=status.get(back.deed, HealStatus.FAILED), detail=back.detail)


def _carried(source: BucketSettings, key: str, version: str) -> tuple[dict[str, Any], Lock, str]:
    """What the copy carries besides its bytes: for the request that writes it, its lock, and what could not be told."""
    with s3_errors(source):
        client = s3_client(source)
        answer = client.head_object(Bucket=source.bucket, Key=key, VersionId=version)
        tags, lacking = tagging_of(client, source.bucket, key, version)
    return headers_of(answer) | ({"Tagging": tags} if tags else {}), Lock.of(answer), lacking


def _in_parts(
    bucket: BucketSettings, source: BucketSettings, action: HealAction, carried: dict[str, Any], records: Any
) -> tuple[str | None, str]:
    """Bring back what is too large for one request; the new version's id, and the SHA-256 that it must have."""
    version, size = action.version_id or NULL_VERSION, action.size or 0
    target = parts.Target(bucket, action.key, carried)
    with s3_errors(bucket):
        if not parts.same_store(source, bucket):
            return parts.sent(target, source, version, size, records)
        written = parts.copied(target, source, version, size, records)
    return written, sha256_of(source, action.key, version)


def _read(source: BucketSettings, action: HealAction, version: str, body: IO[bytes]) -> str:
    """Fetch the copy, by its version; the SHA-256 of what was read."""
    digest = hashlib.sha256()
    with s3_errors(source):
        answer = s3_client(source).get_object(Bucket=source.bucket, Key=action.key, VersionId=version)
        for chunk in chunks(source, answer["Body"]):
            digest.update(chunk)
            body.write(chunk)
    if body.tell() != action.size:
        sent = f'bucket "{source.name}" sent {body.tell():,} of {action.size:,} bytes of {action.key!r}'
        raise CouldNotTell(sent, "try again")
    body.seek(0)
    return digest.hexdigest()
