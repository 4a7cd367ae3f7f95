"""Trying a rollback in earnest, on a few files and elsewhere: copied into a scratch bucket, read back, and removed."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.files.new_objects import NULL_VERSION, may_write, put_new, sha256_of, writer
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.silence import chunks

FILES = 5
LARGEST = 100 * 1024**2
"""Bytes of a file that is tried; larger ones are left out."""
IN_MEMORY = 16 * 1024**2
PREFIX = "printflow-drill/"


@dataclass(frozen=True)
class Sample:
    """A file to be copied: its bucket, and the version of then; None for what is current, which is that."""

    bucket: str
    key: str
    version_id: str | None = None


@dataclass(frozen=True)
class Tried:
    """What came of it: how many read back the same, which did not, and which their own bucket did not give."""

    written: int
    failed: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def scratch_bucket(settings: Settings, in_use: Iterable[str]) -> BucketSettings | None:
    """The bucket to try it in; None if none is configured.

    Raises:
        ConfigError: there is no such bucket, it holds files of the platform, or it may not be written.
    """
    name = settings.drills.scratch_bucket
    if name is None:
        return None
    bucket = settings.bucket_named(name)
    places = {each.store for each in settings.bucket if each.name in {*in_use}}
    if bucket.store in places:
        raise ConfigError(
            f'drills.scratch_bucket: bucket "{name}" holds files that the database refers to', "name an empty bucket"
        )
    if not may_write(bucket):
        raise ConfigError(
            f'drills.scratch_bucket: bucket "{name}" has no key that may write to it',
            'heal_access_key_id = "env:NAME" and heal_secret_access_key = "env:NAME" in its [[bucket]]',
        )
    return bucket


def try_writing(settings: Settings, scratch: BucketSettings, samples: Iterable[Sample]) -> Tried:
    """Copy files below a prefix of this drill's own, read them back, and remove them again.

    Raises:
        CouldNotTell: the scratch bucket does not take or give them, or does not let them go.
    """
    place, written = f"{PREFIX}{uuid4()}/", 0
    failed, untold = list[str](), list[str]()
    for number, sample in enumerate(samples):
        try:
            same = _copied(settings.bucket_named(sample.bucket), sample, scratch, f"{place}{number}")
        except CouldNotTell as away:
            if scratch.label in away.what:
                raise
            untold.append(f"{sample.key}: {away.what}")
            continue
        written += same is True
        if same is False:
            failed.append(f"{sample.key}: its copy reads back differently")
    return Tried(written, tuple(failed), tuple(untold))


def _copied(source: BucketSettings, sample: Sample, scratch: BucketSettings, key: str) -> bool | None:
    """Whether the copy of a file reads back the same; None for one that is too large to be tried."""
    which = {} if sample.version_id is None else {"VersionId": sample.version_id}
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        with s3_errors(source):
            answer = s3_client(source).get_object(Bucket=source.bucket, Key=sample.key, **which)  # type: ignore[arg-type]
            if answer["ContentLength"] > LARGEST:
                answer["Body"].close()
                return None
            for chunk in chunks(source, answer["Body"]):
                body.write(chunk)
        body.seek(0)
        version = put_new(scratch, key, body, {}) or NULL_VERSION
        try:
            expected = sha256_of(source, sample.key, sample.version_id)
            return sha256_of(scratch, key, version if version != NULL_VERSION else None) == expected
        finally:
            with s3_errors(scratch):
                named = {} if version == NULL_VERSION else {"VersionId": version}
                writer(scratch).delete_object(Bucket=scratch.bucket, Key=key, **named)  # type: ignore[arg-type]
