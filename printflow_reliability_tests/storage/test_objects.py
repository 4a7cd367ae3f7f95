"""Only a real 404 means that an object is not there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_errors
from printflow_reliability.storage.objects import head, prior_versions, versions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = BucketSettings(name="print-files", bucket="print-files")


@pytest.fixture
def client() -> Iterator["S3Client"]:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        made.create_bucket(Bucket="print-files")
        made.put_bucket_versioning(Bucket="print-files", VersioningConfiguration={"Status": "Enabled"})
        yield made


def test_an_object_that_is_there_says_its_version(client: "S3Client") -> None:
    put = client.put_object(Bucket="print-files", Key="a", Body=b"12345")
    there = head(client, "print-files", "a")
    assert there is not None
    assert (there.version_id, there.size) == (put["VersionId"], 5)
    assert there.etag == put["ETag"].strip('"')


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_bytes_in_an_archive_are_told_until_they_were_retrieved(client: "S3Client", storage_class: str) -> None:
    client.put_object(Bucket="print-files", Key="a", Body=b"1", StorageClass=storage_class)  # type: ignore[arg-type]
    client.put_object(Bucket="print-files", Key="b", Body=b"1", StorageClass="GLACIER_IR")
    heads = [head(client, "print-files", key) for key in "ab"]
    client.restore_object(Bucket="print-files", Key="a", RestoreRequest={"Days": 1})
    heads.append(head(client, "print-files", "a"))
    assert [there.archived if there else None for there in heads] == [storage_class, "", ""]


def test_no_object_is_none_and_no_bucket_is_unknown(client: "S3Client") -> None:
    assert head(client, "print-files", "a") is None
    with pytest.raises(CouldNotTell, match="answered"), s3_errors(BUCKET):
        head(client, "gone", "a")


@pytest.mark.parametrize("status", [403, 500, 503, 400])
def test_any_other_refusal_is_never_missing(status: int) -> None:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
    with Stubber(client) as stub:
        stub.add_client_error("head_object", str(status), http_status_code=status)
        with pytest.raises(ClientError):
            head(client, "print-files", "a")


def test_versions_are_of_exactly_this_key_newest_first(client: "S3Client") -> None:
    written = [client.put_object(Bucket="print-files", Key="a", Body=bytes(n))["VersionId"] for n in (1, 2)]
    client.put_object(Bucket="print-files", Key="a/longer", Body=b"x")
    client.delete_object(Bucket="print-files", Key="a")
    assert [version.delete_marker for version in versions(client, "print-files", "a")] == [True, False, False]
    assert [prior_version.version_id for prior_version in prior_versions(client, "print-files", "a")] == written[::-1]
    assert prior_versions(client, "print-files", "a/") == ()
