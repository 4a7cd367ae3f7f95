"""All findings of a pass in the bucket of reports: the same as JSON Lines and as Parquet, in parts."""

import gzip
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from arro3.io import read_parquet
from moto import mock_aws

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import published
from printflow_reliability.files.published import COLUMNS, publish
from printflow_reliability.findings import Finding, Severity
from printflow_reliability.settings import BucketSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PLACE = BucketSettings(name="reports", bucket="reports", access_key_id="k", secret_access_key="s")


@pytest.fixture
def client() -> Iterator["S3Client"]:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        made.create_bucket(Bucket="reports")
        yield made


def finding(number: int) -> Finding:
    return Finding(
        kind="missing_lost",
        severity=Severity.CRITICAL,
        detail=f"order {number}: \u00e9 \U0001f600",
        action="ask",
        key=f"{number}.pdf",
        tenant=str(number) if number % 2 else None,
        bytes=number * 10**10 if number % 3 else None,
    )


@pytest.mark.parametrize("count", [0, 1, 5, 6, 13])
def test_both_forms_hold_every_finding_once_and_in_order(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(published, "PART_ROWS", 6)
    monkeypatch.setattr(published, "BATCH_ROWS", 4)
    found = [finding(number) for number in range(count)]
    lines, folder = publish(PLACE, 31, found)

    def body(key: str) -> bytes:
        return client.get_object(Bucket="reports", Key=key)["Body"].read()

    keys = [item["Key"] for item in client.list_objects_v2(Bucket="reports")["Contents"]]
    parts = [key for key in keys if key.startswith("findings/31/parquet/")]
    expected = [dict(each.as_json()) for each in found]
    read = [json.loads(line) for line in gzip.decompress(body("findings/31/findings.jsonl.gz")).splitlines()]
    tables = [read_parquet(io.BytesIO(body(key))).read_all() for key in parts]
    rows = [
        dict(zip(COLUMNS, values, strict=True))
        for table in tables
        for values in zip(*(table[name].to_pylist() for name in COLUMNS), strict=True)
    ]
    assert (lines, folder) == ("s3://reports/findings/31/findings.jsonl.gz", "s3://reports/findings/31/parquet/")
    assert read == rows == expected
    assert len(parts) == max(1, -(-count // 6))


def test_a_bucket_that_is_not_there_is_could_not_tell(client: "S3Client") -> None:
    with pytest.raises(CouldNotTell):
        publish(PLACE.model_copy(update={"bucket": "nowhere"}), 31, [finding(1)])
