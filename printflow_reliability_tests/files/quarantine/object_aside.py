"""An object on its way aside, on a versioned bucket of moto's; what the tests of it share."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from printflow_reliability.files.presence import Presence
from printflow_reliability.files.quarantine import back
from printflow_reliability.files.quarantine.place import Place
from printflow_reliability.files.quarantine.steps import Copied, copied, marked
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.settings import BucketSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS: Any = {"access_key_id": "k", "secret_access_key": "s", "heal_access_key_id": "k", "heal_secret_access_key": "s"}
FILES = BucketSettings(name="files", bucket="print-files", **KEYS)
PLACE = Place(BucketSettings(name="place", bucket="place", **KEYS), "quarantine/")
KEY = "a ü/it's.pdf"


def empty(client: "S3Client") -> None:
    for bucket in ("print-files", "place"):
        listed = client.list_object_versions(Bucket=bucket)
        for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
            client.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def put(client: "S3Client", body: bytes = b"old", **more: Any) -> str:
    return client.put_object(Bucket="print-files", Key=KEY, Body=body, **more)["VersionId"]


def body(client: "S3Client") -> bytes | None:
    try:
        return client.get_object(Bucket="print-files", Key=KEY)["Body"].read()
    except client.exceptions.NoSuchKey:
        return None


def row(version: str, **known: Any) -> Quarantined:
    fields: dict[str, Any] = {
        "id": 1,
        "bucket": "files",
        "key": KEY,
        "tenant": "t",
        "version_id": version,
        "bytes": 3,
        "etag": "149603e6c03516362a8da23f624db945",
        "reason": "nothing refers to it",
        "superseded_by": None,
        "place": "place",
        "place_key": "quarantine/files/t/1",
        "place_version": None,
        "sha256": None,
        "headers": None,
        "person": "ada",
        "begun_at": datetime(2020, 1, 1, tzinfo=UTC),  # before anything that a test writes
        "quarantined_at": None,
        "marker_version": None,
    }
    return Quarantined(**{**fields, **known})


def aside(client: "S3Client", version: str) -> Quarantined:
    """The whole way of one version, as a run goes it."""
    copy = copied(FILES, PLACE, row(version))
    assert isinstance(copy, Copied), copy
    marker = marked(FILES, row(version))
    assert isinstance(marker, str), marker
    known = {"place_version": copy.version, "sha256": copy.sha256, "headers": copy.belongings.as_json()}
    return row(version, marker_version=marker, quarantined_at=datetime(2026, 11, 2, tzinfo=UTC), **known)


def released(moved: Quarantined, bucket: BucketSettings = FILES) -> back.Returned:
    return back._brought_back(bucket, lambda: PLACE.bucket, Presence(bucket).history(KEY), moved)


def newest_content(client: "S3Client") -> str | None:
    """The newest version with bytes, whether a marker hides it or not."""
    return next(
        (each["VersionId"] for each in client.list_object_versions(Bucket="print-files").get("Versions", ())), None
    )


class Nobody:
    """No row names anything."""

    def naming(self, *_: Any) -> Any:
        return ()
