"""The manifest is believed only as far as the buckets still have what it names."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from printflow_reliability.files.presence import Presence
from printflow_reliability.files.quarantine.releasable import releasable
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability.storage.single_keys import Refusal
from printflow_reliability_tests.files.quarantine.object_aside import FILES, KEY, PLACE, aside, put, row
from printflow_reliability_tests.minimal_settings import minimal_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def comes_back(moved: Quarantined) -> bool | Refusal:
    settings = minimal_settings().model_copy(update={"bucket": (FILES, PLACE.bucket)})
    return releasable(settings, Presence(FILES), moved)


def test_a_version_or_a_copy_that_is_there_comes_back_and_nothing_else_does(client: "S3Client") -> None:
    moved = aside(client, put(client))
    assert comes_back(moved) is True
    client.delete_object(Bucket="print-files", Key=KEY, VersionId=moved.version_id)
    assert comes_back(moved) is True  # its copy
    assert isinstance(comes_back(row(moved.version_id, **{**vars(moved), "place": "renamed"})), Refusal)
    client.delete_object(Bucket="place", Key=moved.place_key, VersionId=moved.place_version or "")
    assert comes_back(moved) is False


def test_what_was_written_since_and_deleted_is_what_is_missing(client: "S3Client") -> None:
    moved = aside(client, put(client))
    put(client, b"newer")
    client.delete_object(Bucket="print-files", Key=KEY)
    assert comes_back(moved) is False


def test_a_copy_is_newer_than_what_was_there_long_before(client: "S3Client") -> None:
    put(client, b"long before")
    moved = aside(client, put(client))
    client.delete_object(Bucket="print-files", Key=KEY, VersionId=moved.version_id)
    assert comes_back(moved) is False  # nobody can tell that it was not written since
    assert comes_back(row(moved.version_id, **{**vars(moved), "begun_at": datetime(2099, 1, 1, tzinfo=UTC)})) is True
