"""A whole pass from an S3 Inventory as AWS delivers them, written by hand into a real bucket (SeaweedFS makes none)."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.settings import BucketSettings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf import Shelf, shelf_of

pytestmark = pytest.mark.stack

BASE = "inventory/every-object/"
SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"


@pytest.fixture(scope="module")
def shelf(sandbox: StackSandbox) -> Iterator[Shelf]:
    with shelf_of(sandbox, "inventory") as made:
        yield made


@contextmanager
def place_of(shelf: Shelf) -> Iterator[BucketSettings]:
    """A bucket that inventories are delivered to; gone afterwards."""
    place = shelf.admin.model_copy(update={"name": "inventories", "bucket": f"{shelf.bucket}-inventories"})
    shelf.s3.create_bucket(Bucket=place.bucket)
    try:
        yield place
    finally:
        for item in shelf.s3.list_objects_v2(Bucket=place.bucket).get("Contents", ()):
            shelf.s3.delete_object(Bucket=place.bucket, Key=item["Key"])
        shelf.s3.delete_bucket(Bucket=place.bucket)


def deliver(shelf: Shelf, place: BucketSettings, begun: datetime) -> str:
    """What S3 would deliver of the bucket now; the key of its data file."""
    text = io.StringIO()
    rows = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for item in shelf.s3.list_objects_v2(Bucket=shelf.bucket).get("Contents", ()):
        written = f"{item['LastModified'].astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        etag = item["ETag"].strip('"')
        rows.writerow([shelf.bucket, quote_plus(item["Key"]), "v", "true", "false", item["Size"], written, etag])
    data, key = gzip.compress(text.getvalue().encode()), f"{BASE}data/{begun:%H%M%S%f}.csv.gz"
    manifest = json.dumps(
        {
            "sourceBucket": shelf.bucket,
            "destinationBucket": f"arn:aws:s3:::{place.bucket}",
            "version": "2016-11-30",
            "creationTimestamp": str(int(begun.timestamp() * 1000)),
            "fileFormat": "CSV",
            "fileSchema": SCHEMA,
            "files": [{"key": key, "size": len(data), "MD5checksum": md5(data)}],
        }
    ).encode()
    folder = f"{BASE}{begun:%Y-%m-%dT%H-%MZ}/"
    names = {key: data, f"{folder}manifest.json": manifest, f"{folder}manifest.checksum": md5(manifest).encode()}
    for name, body in names.items():
        shelf.s3.put_object(Bucket=place.bucket, Key=name, Body=body)
    return key


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def test_a_whole_pass_reads_the_inventory_and_asks_the_bucket_before_it_says_missing(
    shelf: Shelf, tmp_path: Path
) -> None:
    for number in range(30):
        shelf.stock(f"shops/{number % 3 + 1}/é {number}+.pdf", tenant=str(number % 3 + 1))
    shelf.put("shops/1/nobody's.pdf")
    with place_of(shelf) as place:
        base, bucket = shelf.settings, shelf.admin
        read = {"listing": "inventory", "inventory_bucket": place.name, "inventory_prefix": BASE}
        shelf.changes["bucket"] = (*base.bucket[:-1], bucket.model_copy(update=read), place)
        begun = datetime.now(UTC) + timedelta(seconds=1)  # S3 dates objects to the second
        deliver(shelf, place, begun)
        late, gone = shelf.stock("shops/1/late.pdf"), "shops/2/é 1+.pdf"
        shelf.refer("shops/3/never.pdf", tenant="3")
        shelf.delete(gone)
        report, found = shelf.findings(tmp_path)
        newest = deliver(shelf, place, begun + timedelta(minutes=1))
        newer, again = shelf.findings(tmp_path)
        shelf.s3.put_object(Bucket=place.bucket, Key=newest, Body=b"cut off")
        torn = reconcile(shelf.settings)

    assert late not in {finding.key for finding in found}
    assert {(finding.kind, finding.key) for finding in found} == {
        ("missing_lost", "shops/3/never.pdf"),
        ("orphan", "shops/1/nobody's.pdf"),
    }
    assert report.objects == 31
    assert any("is as its inventory of" in warning for warning in report.warnings)
    assert ("missing_restorable", gone) in {(finding.kind, finding.key) for finding in again}
    assert newer.objects == 31
    assert {check.outcome for check in torn.checks} == {Outcome.UNKNOWN}
    assert "cannot be read" in torn.checks[0].detail
