"""One object aside and back on a versioned bucket, against a model: nothing is lost, replaced, or anybody else's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from printflow_reliability.files import new_objects
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.quarantine import back, move
from printflow_reliability.files.quarantine.copies import Belongings, header_of
from printflow_reliability.files.quarantine.move import Copied, Seen, copied, marked, seen
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.files.quarantine.place import Place
from printflow_reliability.files.quarantine.plan import Orphan
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.settings import BucketSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS: Any = {"access_key_id": "k", "secret_access_key": "s", "heal_access_key_id": "k", "heal_secret_access_key": "s"}
FILES = BucketSettings(name="files", bucket="print-files", **KEYS)
PLACE = Place(BucketSettings(name="place", bucket="place", **KEYS), "quarantine/")
KEY = "a ü/it's.pdf"


@pytest.fixture(scope="module")
def client() -> Iterator["S3Client"]:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        for bucket in ("print-files", "place"):
            made.create_bucket(Bucket=bucket)
            made.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield made


@pytest.fixture(autouse=True)
def _emptied(client: "S3Client") -> None:
    empty(client)


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
        "etag": "",
        "reason": "nothing refers to it",
        "superseded_by": None,
        "place": "place",
        "place_key": "quarantine/files/t/1",
        "place_version": None,
        "sha256": None,
        "headers": None,
        "person": "ada",
        "begun_at": datetime(2026, 11, 2, tzinfo=UTC),
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
    return row(version, marker_version=marker, **known)


def released(moved: Quarantined) -> back.Returned:
    return back._brought_back(FILES, PLACE.bucket, Presence(FILES).history(KEY), moved)


def test_an_object_goes_aside_with_all_that_belongs_to_it_and_its_own_version_comes_back(client: "S3Client") -> None:
    version = put(client, ContentType="application/pdf", Metadata={"proof": "7"}, Tagging="kept=yes")
    moved = aside(client, version)
    copy = client.get_object(Bucket="place", Key=moved.place_key)
    tags = client.get_object_tagging(Bucket="place", Key=moved.place_key)["TagSet"]
    assert (copy["Body"].read(), copy["ContentType"], copy["Metadata"]) == (b"old", "application/pdf", {"proof": "7"})
    assert (tags, body(client)) == ([{"Key": "kept", "Value": "yes"}], None)
    assert released(moved).deed is Deed.DONE
    assert client.head_object(Bucket="print-files", Key=KEY)["VersionId"] == version
    assert released(moved).deed is Deed.THERE


def test_a_copy_comes_back_where_the_version_is_gone(client: "S3Client") -> None:
    version = put(client, ContentType="application/pdf", Metadata={"proof": "7"}, Tagging="kept=yes")
    moved = aside(client, version)
    client.delete_object(Bucket="print-files", Key=KEY, VersionId=version)
    assert released(moved).deed is Deed.DONE
    now = client.head_object(Bucket="print-files", Key=KEY)
    assert (body(client), now["ContentType"], now["Metadata"]["proof"]) == (b"old", "application/pdf", "7")
    assert client.get_object_tagging(Bucket="print-files", Key=KEY)["TagSet"] == [{"Key": "kept", "Value": "yes"}]
    assert released(moved).deed is Deed.THERE  # a release that was killed before it was noted


def test_a_copy_that_has_rotted_is_not_written_back(client: "S3Client") -> None:
    version = put(client)
    moved = aside(client, version)
    client.delete_object(Bucket="print-files", Key=KEY, VersionId=version)
    rotten = client.put_object(Bucket="place", Key=moved.place_key, Body=b"rot")["VersionId"]
    assert released(row(version, **{**vars(moved), "place_version": rotten})).deed is Deed.FAILED
    assert body(client) is None


def test_a_copy_that_reads_back_differently_is_followed_by_no_marker(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    version = put(client)
    client.put_object(Bucket="place", Key="quarantine/files/t/1", Body=b"other")  # what a killed run left half done
    assert copied(FILES, PLACE, row(version)) == (Deed.FAILED, 'its copy in bucket "place" reads back differently')


def test_what_was_written_between_the_look_and_the_marker_is_shown_again(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    version = put(client)
    real = new_objects.writer(FILES)

    class Late:
        """Somebody writes in the very moment in which the marker is made."""

        def delete_object(self, **which: Any) -> Any:
            if "VersionId" not in which:
                put(client, b"newer")
            return real.delete_object(**which)

    monkeypatch.setattr(move, "writer", lambda _: Late())
    assert marked(FILES, row(version)) == (Deed.MEANWHILE, move.CHANGED)
    assert body(client) == b"newer"


def test_an_object_is_taken_only_as_the_listing_showed_it(client: "S3Client") -> None:
    version = put(client)
    written = client.head_object(Bucket="print-files", Key=KEY)["LastModified"]
    orphan = Orphan("files", KEY, "t", 3, written)
    found = seen(FILES, orphan)
    assert isinstance(found, Seen)
    assert found.version == version
    put(client, b"longer than before")
    assert seen(FILES, orphan) == (Deed.MEANWHILE, move.CHANGED)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["put", "delete", "aside", "back", "expire"]), max_size=8))
def test_any_order_of_events_shows_what_the_model_shows_and_loses_no_quarantined_bytes(
    client: "S3Client", steps: list[str]
) -> None:
    empty(client)
    shown: bytes | None = None  # the model: what the key shows
    moved: Quarantined | None = None
    kept, written = b"", 0
    for number, step in enumerate(steps):
        if step == "put":
            shown = b"v%d" % number
            put(client, shown)
        elif step == "delete":
            client.delete_object(Bucket="print-files", Key=KEY)
            shown = None
        elif step == "aside" and shown is not None and moved is None:
            written += 1
            version = client.head_object(Bucket="print-files", Key=KEY)["VersionId"]
            target = row(version, place_key=f"quarantine/files/t/{written}")
            copy, marker = copied(FILES, PLACE, target), marked(FILES, target)
            assert isinstance(copy, Copied)
            assert isinstance(marker, str)
            known = {"place_version": copy.version, "sha256": copy.sha256, "headers": copy.belongings.as_json()}
            moved, kept, shown = row(version, **{**vars(target), **known, "marker_version": marker}), shown, None
        elif step == "expire" and moved is not None and shown is None:
            client.delete_object(Bucket="print-files", Key=KEY, VersionId=moved.version_id)
        elif step == "back" and moved is not None:
            deed = released(moved).deed
            if shown is None:
                assert deed is Deed.DONE
                shown, moved = kept, None
            else:
                assert deed is Deed.MEANWHILE
        assert body(client) == shown
        if moved is not None:
            copy_of = client.get_object(Bucket="place", Key=moved.place_key)["Body"].read()
            assert copy_of == kept


@pytest.mark.parametrize("value", ["Grüße", "Grüße".encode().decode("latin-1"), "日本 €"])
def test_metadata_beyond_ascii_becomes_a_header_and_stays_as_it_was_in_the_manifest(value: str) -> None:
    belongings = Belongings(metadata={"note": value})
    assert header_of(value).isascii()
    assert belongings.arguments()["Metadata"]["note"].startswith("=?utf-8?")
    assert belongings.as_json()["metadata"] == {"note": value}


def test_a_lock_is_kept_and_a_place_that_cannot_hold_it_is_that_keys_failure(client: "S3Client") -> None:
    locked = Belongings(
        lock={"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2099-01-01T00:00:00+00:00"}
    ).arguments()
    assert locked["ObjectLockRetainUntilDate"] == datetime(2099, 1, 1, tzinfo=UTC)
    with pytest.raises(move._RefusedError) as refused, move.refused_for_key():
        raise ClientError({"Error": {"Code": "InvalidRequest"}}, "PutObject")
    assert refused.value.failure[0] is Deed.FAILED
