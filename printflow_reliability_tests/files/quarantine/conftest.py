"""Two versioned buckets of moto's, empty at the start of each test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from printflow_reliability_tests.files.quarantine.object_aside import empty

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def store() -> Iterator["S3Client"]:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        for bucket in ("print-files", "place"):
            made.create_bucket(Bucket=bucket)
            made.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield made


@pytest.fixture
def client(store: "S3Client") -> "S3Client":
    empty(store)
    return store
