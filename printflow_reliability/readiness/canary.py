"""Probes of buckets: each is read, and where its key may write, an object is written, read back and removed.

Nothing but that very object is ever touched: it carries a mark in its metadata, and only versions with that mark go.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import CouldNotTell, PrintflowError
from printflow_reliability.readiness.probe import Probe, Verdict
from printflow_reliability.records.check_results import newest, remember
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.settings import BucketSettings, Settings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.objects import head_in_existing, prior_versions
from printflow_reliability.text import seconds

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STORAGE = "ready.storage"
EVERY_SECONDS = 3600
ATTEMPTS = 2
BODY = b"printflow readiness probe\n"
MARK = {"printflow-readiness": "probe"}
NOT_ALLOWED = ("AccessDenied", "403", "AllAccessDisabled", "MethodNotAllowed", "Forbidden")
NO_LOCK = ("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "404", "NotFound", "NotImplemented")


def bucket_probes(settings: Settings) -> list[Probe]:
    """A probe of each bucket."""
    return [
        Probe(f'bucket "{bucket.name}"{_at(bucket)}', (STORAGE,), partial(_bucket, settings, bucket))
        for bucket in settings.bucket
    ]


def _at(bucket: BucketSettings) -> str:
    return f" at {bucket.endpoint_url}" if bucket.endpoint_url else ""


def _bucket(settings: Settings, bucket: BucketSettings) -> Sequence[Verdict]:
    client, name = s3_client(bucket, attempts=ATTEMPTS), f'bucket "{bucket.name}"'
    with s3_errors(bucket):
        client.list_objects_v2(Bucket=bucket.bucket, MaxKeys=1)
    if settings.readiness.probe_key is None:
        return [Verdict(STORAGE, Outcome.PASS, f"{name} can be read")]
    try:
        return [_written(settings, bucket, settings.readiness.probe_key)]
    except PrintflowError as away:  # of the records, or another program's probe: nothing is said against the bucket
        return [Verdict(STORAGE, Outcome.PASS, f"{name} can be read; it was not written to ({away.what})")]


def _written(settings: Settings, bucket: BucketSettings, key: str) -> Verdict:
    """What the last write of this hour showed, or one that is made now.

    Raises:
        PrintflowError: the records are away, or another program is writing.
    """
    scope = f"written to bucket {bucket.name}"
    with open_records(settings.records) as records, exclusive(records, f"probe of bucket {bucket.name}"):
        last = next(
            (answer for answer in newest(records) if (answer.result.check, answer.result.scope) == (STORAGE, scope)),
            None,
        )
        if last is not None and 0 <= last.age_seconds < EVERY_SECONDS:
            when = f"{seconds(last.age_seconds)} ago"
            return Verdict(STORAGE, last.result.outcome, f"{last.result.detail} ({when})")
        verdict = _write(s3_client(bucket, attempts=ATTEMPTS), bucket, key)
        remember(records, [CheckResult(STORAGE, verdict.outcome, verdict.sentence, scope=scope)])
        return verdict


def _write(client: "S3Client", bucket: BucketSettings, key: str) -> Verdict:
    """Write, read back and remove the object; what cannot be told of a write is told as such."""
    name = f'bucket "{bucket.name}"'
    try:
        with s3_errors(bucket):
            if refusal := _refused(client, bucket.bucket):
                return Verdict(STORAGE, Outcome.PASS, f"{name} can be read; it is not written to: {refusal}")
            return _probed(client, bucket, key)
    except CouldNotTell as unknown:
        return Verdict(STORAGE, Outcome.UNKNOWN, unknown.sentence)


def _refused(client: "S3Client", bucket: str) -> str:
    """Why nothing may be written that is to be removed again; empty where it may."""
    try:
        lock = client.get_object_lock_configuration(Bucket=bucket)
    except ClientError as error:
        if _code(error) in NO_LOCK:
            return ""
        if _denied(error):
            return "its access key may not see whether a lock would keep the probe"
        raise
    rule = lock.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
    return "its default retention would keep the probe" if rule else ""


def _probed(client: "S3Client", bucket: BucketSettings, key: str) -> Verdict:
    name, s3_name = f'bucket "{bucket.name}"', bucket.bucket
    left = _versions(client, s3_name, key)
    if any(not _is_ours(client, s3_name, key, version) for version in left):
        sentence = (
            f'{name}: the key "{key}" holds another object than the probe, which is left as it is. Next: name another '
            "readiness.probe_key in printflow.toml"
        )
        return Verdict(STORAGE, Outcome.FAIL, sentence)
    try:
        for version in left:
            _remove(client, s3_name, key, version)
        put = client.put_object(Bucket=s3_name, Key=key, Body=BODY, Metadata=MARK, IfNoneMatch="*")
    except ClientError as error:
        if _denied(error):
            return Verdict(STORAGE, Outcome.PASS, f"{name} can be read; its access key may not write")
        raise
    version = put.get("VersionId")
    try:
        read = client.get_object(Bucket=s3_name, Key=key, **({"VersionId": version} if version else {}))  # type: ignore[arg-type]
        same = read["Body"].read() == BODY
    except BaseException:
        with suppress(ClientError):
            _remove(client, s3_name, key, version)
        raise
    try:
        _remove(client, s3_name, key, version)
    except ClientError as error:
        sentence = (
            f'{name} took the probe "{key}" and does not let it be removed ({_code(error)}). Next: let the access key '
            "delete versions of that key, or take readiness.probe_key out of printflow.toml"
        )
        return Verdict(STORAGE, Outcome.FAIL, sentence)
    if not same:
        sentence = f"{name} gave back something else than was written. Next: look at the store, and run no upload"
        return Verdict(STORAGE, Outcome.FAIL, sentence)
    return Verdict(STORAGE, Outcome.PASS, f"{name} gave back what was written, and removed it")


def _versions(client: "S3Client", bucket: str, key: str) -> list[str | None]:
    """What lies at the key: every version where they can be listed, else what HEAD sees."""
    try:
        found: list[str | None] = [version.version_id for version in prior_versions(client, bucket, key)]
        # Without versioning there is one, which some stores know by no version id at all.
        return found if "null" not in found or "Status" in client.get_bucket_versioning(Bucket=bucket) else [None]
    except ClientError as error:
        if not _denied(error):
            raise
    return [None] if head_in_existing(client, bucket, key) is not None else []


def _is_ours(client: "S3Client", bucket: str, key: str, version: str | None) -> bool:
    named = {"VersionId": version} if version else {}
    return client.head_object(Bucket=bucket, Key=key, **named).get("Metadata") == MARK  # type: ignore[arg-type]


def _remove(client: "S3Client", bucket: str, key: str, version: str | None) -> None:
    """By its version, so that no delete marker is left either."""
    named = {"VersionId": version} if version else {}
    client.delete_object(Bucket=bucket, Key=key, **named)  # type: ignore[arg-type]


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "?"))


def _denied(error: ClientError) -> bool:
    return _code(error) in NOT_ALLOWED
