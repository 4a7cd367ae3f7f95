"""S3 Inventory: the objects of a bucket as AWS wrote them down, read instead of a LIST that takes hours.

The manifest is compared with its checksum, and each file with the manifest; a file that is missing or altered ends the
reading, since all others would then look like the whole bucket. Inventories are not in order.
"""

import csv
import gzip
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any
from urllib.parse import unquote_plus
from zlib import error as ZlibError

from botocore.exceptions import ClientError

from printflow_reliability.errors import ConfigError, CouldNotTell
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import s3_client, s3_errors
from printflow_reliability.storage.objects import NOT_THERE
from printflow_reliability.storage.pages import StoredObject
from printflow_reliability.storage.silence import receive
from printflow_reliability.text import moment, seconds

MANIFEST, CHECKSUM = "manifest.json", "manifest.checksum"
DATED = "%Y-%m-%dT%H-%MZ"
"""How S3 names the folder of one inventory."""
NEEDED = ("Key", "Size", "LastModifiedDate", "ETag")
PARQUET_NAMES: Mapping[str, str] = {
    "Key": "key",
    "Size": "size",
    "LastModifiedDate": "last_modified_date",
    "ETag": "e_tag",
    "IsLatest": "is_latest",
    "IsDeleteMarker": "is_delete_marker",
}
ROWS = 10_000
CHUNK = 1024**2
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Inventory:
    """One inventory, of which the manifest was read.

    Attributes:
        bucket: that it is of.
        place: that it lies in.
        as_of: when S3 began it; what was written later may be in it or not.
        files: key, size in bytes and MD5 of each file.
        columns: as the manifest names them.
        parquet: whether the files are Parquet, not CSV.
    """

    bucket: BucketSettings
    place: BucketSettings
    as_of: datetime
    files: tuple[tuple[str, int, str], ...]
    columns: tuple[str, ...]
    parquet: bool

    def objects(self) -> Iterator[StoredObject]:
        """Every current object, in no order.

        Raises:
            CouldNotTell: a file is not what the manifest says, cannot be read, or the bucket does not answer.
        """
        read = _parquet_rows if self.parquet else self._csv_rows
        for key, size, md5 in self.files:
            with tempfile.TemporaryFile(prefix="printflow-inventory-") as file:
                self._fetch(key, size, md5, file)
                try:
                    for row in read(file):
                        if _current(row):
                            yield _stored(row)
                except (OSError, EOFError, ZlibError, ValueError, KeyError, TypeError, csv.Error) as unreadable:
                    raise self._unreadable(key, str(unreadable)) from None

    def _fetch(self, key: str, size: int, md5: str, target: IO[bytes]) -> None:
        with s3_errors(self.place):
            try:
                answer = s3_client(self.place).get_object(Bucket=self.place.bucket, Key=key)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in NOT_THERE:
                    raise
                raise self._unreadable(key, "it is not there") from None
            receive(self.place, answer["Body"], target)  # type: ignore[arg-type]
        digest = hashlib.md5(usedforsecurity=False)
        target.seek(0)
        while chunk := target.read(CHUNK):
            digest.update(chunk)
        if (found := digest.hexdigest()) != md5:
            raise self._unreadable(key, f"its MD5 is {found}, and the manifest says {md5}")
        if target.tell() != size:
            raise self._unreadable(key, f"it has {target.tell():,} bytes, and the manifest says {size:,}")
        target.seek(0)

    def _csv_rows(self, file: IO[bytes]) -> Iterator[Row]:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
            for values in csv.reader(lines):
                row = dict(zip(self.columns, values, strict=True))
                yield row | {"Key": unquote_plus(row["Key"], errors="strict")}

    def _unreadable(self, key: str, why: str) -> CouldNotTell:
        return CouldNotTell(
            f"the inventory of bucket {self.bucket.label} from {moment(self.as_of)} cannot be read: file {key}: {why}",
            "nothing was concluded from it; S3 delivers the next one by itself",
        )


def newest_inventory(bucket: BucketSettings, place: BucketSettings, now: datetime | None = None) -> Inventory:
    """The newest complete inventory of a bucket.

    Args:
        bucket: that it is of.
        place: the bucket that it is delivered to.
        now: instead of this machine's clock, which says how old it is.

    Raises:
        ConfigError: there is none, it is of another bucket, or lacks columns.
        CouldNotTell: it is too old, its manifest is damaged, or the bucket does not answer.
    """
    with s3_errors(place):
        document, where = _newest_manifest(bucket, place)
    try:
        return _described(bucket, place, document, where, now or datetime.now(UTC))
    except (KeyError, ValueError, TypeError) as odd:
        raise CouldNotTell(f"the manifest {where} is none of S3 Inventory: {odd!r}", "see what writes there") from None


def _described(
    bucket: BucketSettings, place: BucketSettings, document: Mapping[str, Any], where: str, now: datetime
) -> Inventory:
    as_of = datetime.fromtimestamp(int(document["creationTimestamp"]) / 1000, UTC)
    if document["sourceBucket"] != bucket.bucket:
        raise ConfigError(
            f'the inventory at {where} is of bucket "{document["sourceBucket"]}", not of "{bucket.bucket}"',
            f'correct inventory_prefix of the [[bucket]] "{bucket.name}"',
        )
    kind = str(document["fileFormat"]).upper()
    if kind not in ("CSV", "PARQUET"):
        raise ConfigError(
            f"the inventory at {where} is in {document['fileFormat']}, which is not read here",
            "let S3 write it as Parquet or CSV",
        )
    schema = str(document["fileSchema"])
    columns = tuple(name.strip() for name in schema.split(","))
    if kind == "PARQUET":
        columns = tuple(name for name, column in PARQUET_NAMES.items() if f" {column} " in schema.replace(";", " "))
    if lacking := [name for name in NEEDED if name not in columns]:
        raise ConfigError(
            f"the inventory at {where} lacks {', '.join(lacking)}",
            "add Size, LastModifiedDate and ETag to the optional fields of the inventory configuration",
        )
    age = now - as_of
    if age > timedelta(seconds=bucket.inventory_age_seconds):
        raise CouldNotTell(
            f"the newest inventory of bucket {bucket.label} is {seconds(age.total_seconds())} old ({where})",
            "find out why S3 delivers no more, or raise inventory_age_seconds",
        )
    files = tuple((str(file["key"]), int(file["size"]), str(file["MD5checksum"])) for file in document["files"])
    return Inventory(bucket, place, as_of, files, columns, kind == "PARQUET")


def _newest_manifest(bucket: BucketSettings, place: BucketSettings) -> tuple[Mapping[str, Any], str]:
    """The manifest of the newest dated folder that has one, and where it is; symlinks for Hive are not followed."""
    client = s3_client(place)
    base = bucket.inventory_prefix.rstrip("/") + "/" if bucket.inventory_prefix else ""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=base, Delimiter="/")
    folders = [folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", ())]
    for folder in sorted(filter(lambda folder: _dated(folder[len(base) : -1]), folders), reverse=True):
        read = _reader(place, folder)
        manifest = read(MANIFEST)
        if manifest is None:
            continue  # it is being delivered
        where = f"s3://{place.bucket}/{folder}{MANIFEST}"
        checksum = (read(CHECKSUM) or b"").decode(errors="replace").strip()
        found = hashlib.md5(manifest, usedforsecurity=False).hexdigest()
        if found != checksum:
            raise CouldNotTell(
                f"the manifest {where} is damaged: its MD5 is {found}, and {CHECKSUM} says {checksum or 'nothing'}",
                "nothing was concluded from it; S3 delivers the next one by itself",
            )
        document: Mapping[str, Any] = json.loads(manifest)
        return document, where
    raise ConfigError(
        f"there is no inventory of bucket {bucket.label} below s3://{place.bucket}/{base}",
        f'correct inventory_prefix of the [[bucket]] "{bucket.name}"; the first one comes within 48 hours',
    )


def _reader(place: BucketSettings, folder: str) -> Callable[[str], bytes | None]:
    def read(name: str) -> bytes | None:
        try:
            answer = s3_client(place).get_object(Bucket=place.bucket, Key=folder + name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in NOT_THERE:
                raise
            return None
        with tempfile.SpooledTemporaryFile(prefix="printflow-inventory-") as body:
            receive(place, answer["Body"], body)  # type: ignore[arg-type]
            body.seek(0)
            return body.read()

    return read


def _parquet_rows(file: IO[bytes]) -> Iterator[Row]:
    from arro3.io import read_parquet  # only those who have such inventories need it

    for batch in read_parquet(file, batch_size=ROWS):
        have = {name: batch.column(column) for name, column in PARQUET_NAMES.items() if column in batch.schema.names}
        values = {name: column.to_pylist() for name, column in have.items()}
        for row in zip(*values.values(), strict=True):
            yield dict(zip(values, row, strict=True))


def _current(row: Row) -> bool:
    return _flag(row.get("IsLatest"), unsaid=True) and not _flag(row.get("IsDeleteMarker"), unsaid=False)


def _stored(row: Row) -> StoredObject:
    written = row["LastModifiedDate"]
    modified_at = written if isinstance(written, datetime) else datetime.fromisoformat(written)
    if modified_at.tzinfo is None:
        modified_at = modified_at.replace(tzinfo=UTC)
    return StoredObject(row["Key"], int(row["Size"]), str(row["ETag"]).strip('"'), modified_at)


def _flag(value: bool | str | None, *, unsaid: bool) -> bool:
    """Whether a flag is set; CSV has words, and an inventory of current objects has no flags."""
    if isinstance(value, bool):
        return value
    return value.lower() == "true" if value else unsaid


def _dated(name: str) -> bool:
    try:
        datetime.strptime(name, DATED)  # noqa: DTZ007 - only its form matters
    except ValueError:
        return False
    return True
