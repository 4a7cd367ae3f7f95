"""S3 Inventory in the shape that AWS documents (SeaweedFS has none): read whole, or not believed at all."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import boto3
import pytest
from moto import mock_aws

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.inventory import newest_inventory
from printflow_reliability.storage.listing import read_in_order
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.sources import InventoryListing, ObjectListing, source_of
from printflow_reliability_tests.minimal_settings import minimal_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BASE = "inventory/printflow360/every-object/"
BUCKET = BucketSettings(
    name="print-files",
    bucket="printflow360",
    access_key_id="k",
    secret_access_key="s",
    listing="inventory",
    inventory_bucket="inventories",
    inventory_prefix=BASE,
)
PLACE = BucketSettings(name="inventories", bucket="inventories", access_key_id="k", secret_access_key="s")
BEGUN = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
NOW = BEGUN + timedelta(hours=14)
SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"
PARQUET_SCHEMA = (
    "message s3.inventory {  required binary bucket (UTF8);  required binary key (UTF8);  optional int64 size;  "
    "optional int64 last_modified_date (TIMESTAMP_MILLIS);  optional binary e_tag (UTF8);}"
)
KEYS = ["a b+c.pdf", "\U0001f600/1.pdf", "\uff41/1.pdf", 'tenants/1/\u00e9,"x".pdf', "tenants/1-b/\x01.pdf"]


@pytest.fixture
def client() -> Iterator["S3Client"]:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        made.create_bucket(Bucket="inventories")
        yield made


def gzipped(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return gzip.compress(text.getvalue().encode())


def row(key: str, latest: str = "true", marker: str = "false") -> list[str]:
    written = (
        ["5", "2026-11-01T03:00:11.000Z", "abc", "STANDARD"]
        if marker == "false"
        else ["", "2026-11-01T03:00:11.000Z", "", ""]
    )
    return ["printflow360", quote_plus(key), "v1", latest, marker, *written]


def deliver(
    client: "S3Client", files: Sequence[bytes], *, begun: datetime = BEGUN, checksum: str | None = None, **more: Any
) -> Mapping[str, Any]:
    """What S3 delivers: data, a manifest with the checksum of each file, and the manifest's own."""
    described = []
    for number, body in enumerate(files):
        key = f"{BASE}data/{begun:%d}-{number}.csv.gz"
        client.put_object(Bucket="inventories", Key=key, Body=body)
        described.append({"key": key, "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()})  # noqa: S324
    manifest = {
        "sourceBucket": "printflow360",
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": str(int(begun.timestamp() * 1000)),
        "fileFormat": "CSV",
        "fileSchema": SCHEMA,
        "files": described,
    } | more
    folder = f"{BASE}{begun:%Y-%m-%dT%H-%MZ}/"
    body = json.dumps(manifest).encode()
    md5 = hashlib.md5(body).hexdigest()  # noqa: S324
    client.put_object(Bucket="inventories", Key=f"{folder}manifest.json", Body=body)
    client.put_object(Bucket="inventories", Key=f"{folder}manifest.checksum", Body=f"{checksum or md5}\n".encode())
    client.put_object(Bucket="inventories", Key=f"{BASE}hive/dt={begun:%Y-%m-%d}-01-00/symlink.txt", Body=b"s3://x/y")
    return manifest


def objects(now: datetime = NOW) -> list[StoredObject]:
    return read_in_order(InventoryListing(BUCKET, newest_inventory(BUCKET, PLACE, now)), "", list)


def test_current_objects_come_in_byte_order_from_all_files(client: "S3Client") -> None:
    rows = [row(key) for key in KEYS]
    deleted = [row("gone.pdf", marker="true"), row("a b+c.pdf", latest="false")]
    deliver(client, [gzipped([*rows[:2], *deleted]), gzipped(rows[2:])])
    found = objects()
    assert [stored.key for stored in found] == sorted(KEYS, key=lambda key: key.encode())
    assert found[0][1:] == (5, "abc", datetime(2026, 11, 1, 3, 0, 11, tzinfo=UTC))


def test_parquet_is_read_too(client: "S3Client") -> None:
    from arro3.core import Array, DataType, Table
    from arro3.io import write_parquet

    written = [datetime(2026, 11, 1, 3, 0, 11, tzinfo=UTC)] * len(KEYS)
    table = Table.from_pydict(
        {
            "bucket": Array(["printflow360"] * len(KEYS), type=DataType.utf8()),
            "key": Array(KEYS, type=DataType.utf8()),
            "size": Array([5] * len(KEYS), type=DataType.int64()),
            "last_modified_date": Array(
                [round(moment.timestamp() * 1000) for moment in written], type=DataType.int64()
            ).cast(DataType.timestamp("ms", tz="UTC")),
            "e_tag": Array(["abc"] * len(KEYS), type=DataType.utf8()),
        }
    )
    body = io.BytesIO()
    write_parquet(table, body)
    deliver(client, [body.getvalue()], fileFormat="Parquet", fileSchema=PARQUET_SCHEMA)
    found = objects()
    assert [stored.key for stored in found] == sorted(KEYS, key=lambda key: key.encode())
    assert found[0][1:] == (5, "abc", written[0])


def test_the_newest_whole_delivery_is_read(client: "S3Client") -> None:
    deliver(client, [gzipped([row("old.pdf")])], begun=BEGUN - timedelta(days=1))
    deliver(client, [gzipped([row("new.pdf")])])
    coming = BEGUN + timedelta(hours=12)
    client.put_object(Bucket="inventories", Key=f"{BASE}{coming:%Y-%m-%dT%H-%MZ}/manifest.checksum", Body=b"")
    assert [stored.key for stored in objects()] == ["new.pdf"]


def test_an_altered_file_is_not_believed(client: "S3Client") -> None:
    good = gzipped([row("a.pdf"), row("b.pdf")])
    manifest = deliver(client, [good])
    for body, said in ((gzipped([row("a.pdf")]), "MD5"), (None, "not there")):
        key = manifest["files"][0]["key"]
        if body is None:
            client.delete_object(Bucket="inventories", Key=key)
        else:
            client.put_object(Bucket="inventories", Key=key, Body=body)
        with pytest.raises(CouldNotTell, match=said):
            objects()


@pytest.mark.parametrize(
    ("files", "more", "said"),
    [
        ([], {"checksum": "0" * 32}, "manifest .* is damaged"),
        ([], {"sourceBucket": "another"}, 'is of bucket "another"'),
        ([], {"fileFormat": "ORC"}, "in ORC, which is not read here"),
        ([], {"fileSchema": "Bucket, Key, Size"}, "lacks LastModifiedDate, ETag"),
        ([], {"creationTimestamp": "yesterday"}, "none of S3 Inventory"),
        ([b"no gzip"], {}, "cannot be read"),
        ([gzipped([["printflow360", "a.pdf"]])], {}, "cannot be read"),
        ([gzipped([[*row("a.pdf")[:1], "%ff", *row("a.pdf")[2:]]])], {}, "cannot be read"),
        ([gzipped([row("a.pdf"), row("a.pdf")])], {}, "twice"),
    ],
)
def test_what_is_no_inventory_of_this_bucket_is_told(
    client: "S3Client", files: list[bytes], more: dict[str, Any], said: str
) -> None:
    deliver(client, files, **more)
    with pytest.raises((ConfigError, CouldNotTell), match=said):
        objects()


def test_an_old_inventory_or_none_is_unknown_and_never_an_empty_bucket(client: "S3Client") -> None:
    with pytest.raises(ConfigError, match="there is no inventory"):
        objects()
    deliver(client, [gzipped([row("a.pdf")])])
    with pytest.raises(CouldNotTell, match="is 3 days old"):
        objects(BEGUN + timedelta(days=3))


def test_an_inventory_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match='inventory_bucket: is missing, and listing = "inventory" needs it'):
        BucketSettings(name="print-files", bucket="printflow360", listing="inventory")


def test_one_tenants_files_are_listed_whatever_the_inventory_says() -> None:
    settings = minimal_settings().model_copy(update={"bucket": (BUCKET, PLACE)})
    assert isinstance(source_of(settings, BUCKET, "tenants/1/"), ObjectListing)
    assert isinstance(source_of(settings, BUCKET, "", by_inventory=False), ObjectListing)
