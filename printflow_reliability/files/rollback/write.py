"""One object back to a version, and forward again. What is current is never lost: it stays as a version.

A copy says in its metadata which version it is of: by that a run that was killed goes on, and an undo knows its own
work from what somebody wrote since.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from psycopg.rows import TupleRow

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import parts
from printflow_reliability.files.carried import headers_of, tagging_of
from printflow_reliability.files.new_objects import take_back, writer
from printflow_reliability.files.rollback.since import Fate, Step
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.storage.objects import NOT_THERE
from printflow_reliability.storage.refusals import reason_for_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Records = psycopg.Connection[TupleRow]
COPY_OF = "printflow-copy-of"
"""Metadata of a copy: the version that it was made of."""
MEANWHILE = "somebody wrote or deleted it since it was planned"


class Deed(StrEnum):
    """What was done about one object."""

    DONE = "done"
    THERE = "there"
    MEANWHILE = "meanwhile"
    ERASED = "erased"
    FAILED = "failed"


@dataclass(frozen=True)
class Written:
    """What came of one step; `detail` is why it was not done."""

    step: Step
    deed: Deed
    detail: str = ""


def bring_back(bucket: BucketSettings, step: Step, records: Records | None = None) -> Written:
    """Copy the version of then over what is current.

    Args:
        bucket: where.
        step: what is to be done.
        records: know of a copy in parts until it has ended, so that one that is killed is ended by the next run.

    Raises:
        CouldNotTell: the store, or the records, do not answer.
    """
    client = writer(bucket)
    try:
        now = _current(client, bucket, step.key)
        if now is not None and now.get("Metadata", {}).get(COPY_OF) == step.version_id:
            return Written(step, Deed.THERE)
        if (None if now is None else now.get("VersionId")) != (None if step.fate is Fate.DELETED else step.before):
            return Written(step, Deed.MEANWHILE, MEANWHILE)
        return _copied(client, bucket, step, step.version_id, records)
    except ClientError as refused:
        return Written(step, Deed.FAILED, reason_for_key(refused))
    except BotoCoreError as failed:
        with s3_errors(bucket):
            raise failed from None


def take_forward(bucket: BucketSettings, step: Step, records: Records | None = None) -> Written:
    """Undo one step: what was current before is again; where it was deleted, it is deleted again.

    Args:
        bucket: where.
        step: what is to be undone.
        records: as for `bring_back`.

    Raises:
        CouldNotTell: the store, or the records, do not answer.
    """
    client = writer(bucket)
    try:
        now = _current(client, bucket, step.key)
        copy_of = None if now is None else now.get("Metadata", {}).get(COPY_OF)
        if copy_of == step.before or (now is None and step.fate is Fate.DELETED):
            return Written(step, Deed.THERE)
        if copy_of != step.version_id:
            return Written(step, Deed.MEANWHILE, "it is not the copy that the rollback made")
        if step.fate is Fate.DELETED:
            client.delete_object(Bucket=bucket.bucket, Key=step.key)
            return Written(step, Deed.DONE)
        return _copied(client, bucket, step, step.before, records)
    except ClientError as refused:
        return Written(step, Deed.FAILED, reason_for_key(refused))
    except BotoCoreError as failed:
        with s3_errors(bucket):
            raise failed from None


def is_copy_of(client: "S3Client", bucket: BucketSettings, step: Step) -> bool:
    """Whether what is current was copied from the version of then."""
    try:
        now = _current(client, bucket, step.key)
    except ClientError:
        return False  # whoever encrypted it with a key of his own made no copy of ours
    return now is not None and now.get("Metadata", {}).get(COPY_OF) == step.version_id


def _current(client: "S3Client", bucket: BucketSettings, key: str) -> Any:
    """What HEAD says of the current object; None where there is none."""
    try:
        return client.head_object(Bucket=bucket.bucket, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in NOT_THERE:
            return None
        raise


def _copied(client: "S3Client", bucket: BucketSettings, step: Step, version: str, records: Records | None) -> Written:
    name, key = bucket.bucket, step.key
    source: Any = {"Bucket": name, "Key": key, "VersionId": version}
    was: Any = client.head_object(Bucket=name, Key=key, VersionId=version)
    as_it_was: Any = headers_of(was)
    as_it_was["Metadata"] = {**as_it_was.get("Metadata", {}), COPY_OF: version}
    if was["ContentLength"] <= parts.LARGEST_AT_ONCE:
        client.copy_object(Bucket=name, Key=key, CopySource=source, MetadataDirective="REPLACE", **as_it_was)
    else:  # the store copies the tags itself only where it copies at once
        tags, lacking = tagging_of(client, name, key, version)
        if lacking:
            return Written(step, Deed.FAILED, lacking)
        target = parts.Target(bucket, key, as_it_was | ({"Tagging": tags} if tags else {}), only_new=False)
        try:
            parts.copied(target, bucket, version, was["ContentLength"], records)
        except psycopg.Error as lost:
            said = " ".join(str(lost).split())
            raise CouldNotTell(f"the records database was lost: {said}", "run the same command again") from None
    made = _current(client, bucket, key)
    if made is None or made.get("Metadata", {}).get(COPY_OF) != version:
        return Written(step, Deed.MEANWHILE, MEANWHILE)
    if made["ContentLength"] != was["ContentLength"]:
        removed = take_back(bucket, key, made["VersionId"])
        said = f"the copy has {made['ContentLength']:,} bytes instead of {was['ContentLength']:,}"
        return Written(step, Deed.FAILED, f"{said}; it was {'removed' if removed else 'left there'}")
    return Written(step, Deed.DONE)
