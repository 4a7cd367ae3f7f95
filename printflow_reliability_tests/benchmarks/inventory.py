"""An S3 Inventory of the benchmark's bucket, in Parquet as S3 delivers it, since SeaweedFS makes none."""

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

from printflow_reliability.files.spool import batches
from printflow_reliability.sandbox import seaweedfs
from printflow_reliability.sandbox.home import SandboxHome
from printflow_reliability.settings import Settings
from printflow_reliability.storage.pages import StoredObject, list_pages

PLACE, PREFIX = "compute-logs", "bench-inventory/"
ROWS_A_FILE = 1_000_000
SCHEMA = (
    "message s3.inventory {  required binary bucket (UTF8);  required binary key (UTF8);  optional int64 size;  "
    "optional int64 last_modified_date (TIMESTAMP_MILLIS);  optional binary e_tag (UTF8);}"
)


def deliver(home: SandboxHome, name: str) -> None:
    """Write down what the bucket holds now."""
    bucket, client = home.settings().bucket_named(name), seaweedfs.client(home, PLACE)
    begun = datetime.now(UTC)
    files = []
    objects: Iterator[StoredObject] = (stored for page in list_pages(bucket, "") for stored in page)
    for number, rows in enumerate(batches(objects, ROWS_A_FILE)):
        body = io.BytesIO()
        write_parquet(_table(bucket.bucket, rows), body)
        key = f"{PREFIX}data/{number}.parquet"
        client.put_object(Bucket=PLACE, Key=key, Body=body.getvalue())
        md5 = hashlib.md5(body.getvalue(), usedforsecurity=False).hexdigest()
        files.append({"key": key, "size": len(body.getvalue()), "MD5checksum": md5})
    manifest = json.dumps(
        {
            "sourceBucket": bucket.bucket,
            "destinationBucket": f"arn:aws:s3:::{PLACE}",
            "creationTimestamp": str(round(begun.timestamp() * 1000)),
            "fileFormat": "Parquet",
            "fileSchema": SCHEMA,
            "files": files,
        }
    ).encode()
    folder = f"{PREFIX}{begun:%Y-%m-%dT%H-%MZ}/"
    md5 = hashlib.md5(manifest, usedforsecurity=False).hexdigest()
    client.put_object(Bucket=PLACE, Key=f"{folder}manifest.json", Body=manifest)
    client.put_object(Bucket=PLACE, Key=f"{folder}manifest.checksum", Body=md5.encode())


def read_instead(home: SandboxHome, settings: Settings, name: str) -> Settings:
    """The settings with the inventory read instead of a LIST of that bucket."""
    place = seaweedfs.bucket(home, PLACE, "admin").model_copy(update={"name": "inventories"})
    change = {"listing": "inventory", "inventory_bucket": place.name, "inventory_prefix": PREFIX}
    buckets = [
        bucket.model_copy(update=change) if bucket.name == name else bucket
        for bucket in settings.bucket
        if bucket.name != place.name
    ]
    return settings.model_copy(update={"bucket": (*buckets, place)})


def _table(bucket: str, rows: Sequence[StoredObject]) -> Table:
    modified = Array([round(stored.modified_at.timestamp() * 1000) for stored in rows], type=DataType.int64())
    return Table.from_pydict(
        {
            "bucket": Array([bucket] * len(rows), type=DataType.utf8()),
            "key": Array([stored.key for stored in rows], type=DataType.utf8()),
            "size": Array([stored.size for stored in rows], type=DataType.int64()),
            "last_modified_date": modified.cast(DataType.timestamp("ms", tz="UTC")),
            "e_tag": Array([stored.etag for stored in rows], type=DataType.utf8()),
        }
    )
