"""The probe of a bucket leaves nothing behind, and touches nothing that is not its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from printflow_reliability.checks import Outcome
from printflow_reliability.readiness import canary
from printflow_reliability.readiness.canary import BODY, MARK
from printflow_reliability.settings import BucketSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "printflow-readiness/probe"
BUCKET = BucketSettings(name="art", bucket="art")


@pytest.fixture(params=["versioned", "plain"])
def client(request: pytest.FixtureRequest) -> Iterator["S3Client"]:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        made.create_bucket(Bucket="art")
        if request.param == "versioned":
            made.put_bucket_versioning(Bucket="art", VersioningConfiguration={"Status": "Enabled"})
        yield made


def everything(client: "S3Client") -> tuple[list[Any], list[Any]]:
    found = client.list_object_versions(Bucket="art")
    return list(found.get("Versions", [])), list(found.get("DeleteMarkers", []))


def test_what_is_written_is_read_back_and_gone_with_its_version(client: "S3Client") -> None:
    verdict = canary._write(client, BUCKET, KEY)

    assert verdict.outcome is Outcome.PASS
    assert "gave back what was written" in verdict.sentence
    assert everything(client) == ([], [])


def test_what_a_killed_probe_left_goes_too(client: "S3Client") -> None:
    client.put_object(Bucket="art", Key=KEY, Body=BODY, Metadata=MARK)
    client.put_object(Bucket="art", Key=f"{KEY}s", Body=b"a neighbour")

    assert canary._write(client, BUCKET, KEY).outcome is Outcome.PASS
    versions, markers = everything(client)
    assert ([version["Key"] for version in versions], markers) == ([f"{KEY}s"], [])


@pytest.mark.alarm("ready.storage", "ring")
def test_another_object_at_the_key_is_told_and_left_as_it_is(client: "S3Client") -> None:
    client.put_object(Bucket="art", Key=KEY, Body=BODY)  # the same bytes, and not ours
    verdict = canary._write(client, BUCKET, KEY)

    assert verdict.outcome is Outcome.FAIL
    assert "another object" in verdict.sentence
    assert client.get_object(Bucket="art", Key=KEY)["Body"].read() == BODY


def test_nothing_is_written_where_a_default_retention_would_keep_it() -> None:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        made.create_bucket(Bucket="art", ObjectLockEnabledForBucket=True)
        made.put_object_lock_configuration(
            Bucket="art",
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
            },
        )
        verdict = canary._write(made, BUCKET, KEY)
        assert (verdict.outcome, everything(made)) == (Outcome.PASS, ([], []))
    assert "default retention" in verdict.sentence


def test_a_bucket_that_is_gone_is_not_known() -> None:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        assert canary._write(made, BUCKET, KEY).outcome is Outcome.UNKNOWN
