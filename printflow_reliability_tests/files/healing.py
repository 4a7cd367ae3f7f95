"""A versioned bucket in moto, a healing without servers, and records that know nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

from moto import mock_aws

from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.new_objects import writer
from printflow_reliability.settings import BucketSettings, FilesSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS: dict[str, Any] = dict.fromkeys(("access_key_id", "secret_access_key"), "k")
KEYS |= dict.fromkeys(("heal_access_key_id", "heal_secret_access_key"), "h")
BUCKET = BucketSettings(name="files", bucket="print-files", **KEYS)
REPLICA = BucketSettings(name="replica", bucket="print-files-replica", region="eu-west-1", **KEYS)
KEY = "shops/1/a ü.pdf"


def settings_with(**files: Any) -> Any:
    """What a healing asks its settings for."""
    known: Mapping[str, BucketSettings] = {bucket.name: bucket for bucket in (BUCKET, REPLICA)}
    return SimpleNamespace(bucket_named=known.__getitem__, bucket=tuple(known.values()), files=FilesSettings(**files))


def records() -> Any:
    """Records without an erasure, which note what is executed."""
    made = MagicMock()
    made.execute.return_value.fetchall.return_value = []
    made.execute.return_value.fetchone.return_value = (1,)
    return made


@contextmanager
def two_buckets() -> Iterator["S3Client"]:
    """The bucket with versioning, and its replica in another region."""
    with mock_aws():
        client = writer(BUCKET)
        client.create_bucket(Bucket=BUCKET.bucket)
        client.put_bucket_versioning(Bucket=BUCKET.bucket, VersioningConfiguration={"Status": "Enabled"})
        writer(REPLICA).create_bucket(
            Bucket=REPLICA.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        writer(REPLICA).put_bucket_versioning(Bucket=REPLICA.bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


def deleted(client: "S3Client", body: bytes, **carried: Any) -> HealAction:
    """An object that an application has deleted, and the action that brings it back."""
    version = client.put_object(Bucket=BUCKET.bucket, Key=KEY, Body=body, **carried)["VersionId"]
    client.delete_object(Bucket=BUCKET.bucket, Key=KEY)
    where = (BUCKET.name, KEY, "1", "order 7", "")
    return HealAction(HealStatus.PLANNED, *where, source=BUCKET.name, version_id=version, size=len(body))
