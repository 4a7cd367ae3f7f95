"""What a release brings back is the key's newest content, and can be read: else nothing is written."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.heal_write import carry_out
from printflow_reliability.files.presence import Presence
from printflow_reliability.files.quarantine import steps
from printflow_reliability.files.quarantine.back import bring_back
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.files.quarantine.steps import Unsure
from printflow_reliability.records import quarantine as manifest
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability_tests.files.healing import records
from printflow_reliability_tests.files.quarantine.object_aside import (
    FILES,
    KEY,
    aside,
    body,
    newest_content,
    put,
    released,
    row,
)
from printflow_reliability_tests.minimal_settings import minimal_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LONG_AFTER = datetime(2099, 1, 1, tzinfo=UTC)


def test_a_newer_file_that_was_deleted_by_mistake_is_told_and_no_older_content_takes_its_place(
    client: "S3Client",
) -> None:
    moved = aside(client, put(client))
    newer = put(client, b"newer")
    client.delete_object(Bucket="print-files", Key=KEY)
    returned = released(moved)
    assert (returned.deed, body(client), newest_content(client)) == (Deed.FAILED, None, newer)
    assert f"hides version {newer}" in returned.detail
    assert "printflow files heal --key" in returned.detail


def test_what_an_earlier_release_wrote_back_comes_back_again(client: "S3Client") -> None:
    moved = aside(client, version := put(client))
    client.delete_object(Bucket="print-files", Key=KEY, VersionId=version)
    assert released(moved).deed is Deed.DONE
    client.delete_object(Bucket="print-files", Key=KEY)  # and its row was never ended
    assert released(moved).deed is Deed.DONE
    assert body(client) == b"old"


def test_an_archived_version_is_left_where_it_is_and_its_copy_comes_back(client: "S3Client") -> None:
    moved = aside(client, put(client))
    archived = in_glacier(client, moved.version_id)
    assert released(archived).deed is Deed.DONE
    assert body(client) == b"old"
    assert released(archived).deed is Deed.THERE


def test_a_file_that_is_there_and_archived_gets_its_copy_as_a_newer_version(client: "S3Client") -> None:
    moved = aside(client, put(client))
    archived = in_glacier(client, moved.version_id)
    client.delete_object(Bucket="print-files", Key=KEY, VersionId=archived.marker_version or "")
    assert released(archived).deed is Deed.DONE
    assert (body(client), len(client.list_object_versions(Bucket="print-files")["Versions"])) == (b"old", 2)


def test_an_archived_version_whose_copy_is_gone_is_no_success(client: "S3Client") -> None:
    archived = in_glacier(client, aside(client, put(client)).version_id)
    client.delete_object(Bucket="place", Key=archived.place_key, VersionId=archived.place_version or "")
    returned = released(archived)
    assert returned.deed is Deed.FAILED
    assert "its own version is archived and must be retrieved first" in returned.detail
    assert 'its copy in bucket "place" is gone' in returned.detail


def test_where_a_replica_is_the_file_is_written_anew_so_that_it_is_replicated(client: "S3Client") -> None:
    moved = aside(client, put(client))
    assert released(moved, FILES.model_copy(update={"replica": "copies"})).deed is Deed.DONE
    listed = client.list_object_versions(Bucket="print-files", Prefix=KEY)
    assert [marker["VersionId"] for marker in listed["DeleteMarkers"]] == [moved.marker_version]
    assert (body(client), newest_content(client) == moved.version_id) == (b"old", False)


def test_a_copy_that_has_rotted_is_made_up_for_by_the_version(client: "S3Client") -> None:
    moved = aside(client, put(client))
    rotten = client.put_object(Bucket="place", Key=moved.place_key, Body=b"rot")["VersionId"]
    changed = row(moved.version_id, **{**vars(moved), "marker_version": None, "place_version": rotten})
    assert released(changed).deed is Deed.DONE
    assert body(client) == b"old"


def test_where_a_suspended_bucket_destroyed_the_version_its_copy_comes_back(client: "S3Client") -> None:
    put(client, b"long before")
    moved = aside(client, version := put(client))
    client.delete_object(Bucket="print-files", Key=KEY, VersionId=version)
    begun = row(version, **{**vars(moved), "begun_at": LONG_AFTER})
    history = Presence(FILES).history(KEY)
    answer = steps._looked_after(FILES, begun, moved.marker_version or "", history)
    assert isinstance(answer, Unsure)
    assert "its copy is left: printflow files release" in answer.why
    assert released(moved).deed is Deed.FAILED  # what is left was written since: another file
    assert released(begun).deed is Deed.DONE
    assert body(client) == b"old"


@pytest.mark.parametrize("needed", [True, False], ids=["its copy is needed", "its own version is there"])
def test_a_place_that_was_renamed_concerns_only_what_needs_its_copy(client: "S3Client", *, needed: bool) -> None:
    settings = minimal_settings().model_copy(update={"bucket": (FILES,)})
    moved = aside(client, put(client))
    if needed:
        client.delete_object(Bucket="print-files", Key=KEY, VersionId=moved.version_id)
    returned = bring_back(settings, records(), moved, "ada")
    if not needed:
        assert (returned.deed, body(client)) == (Deed.DONE, b"old"), returned
        return
    why = 'its own version is gone; its copy is out of reach: there is no bucket named "place"; nothing was written'
    assert (returned.deed, returned.detail, body(client)) == (Deed.FAILED, why, None)


def test_a_heal_releases_a_version_though_its_place_was_renamed(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = minimal_settings().model_copy(update={"bucket": (FILES,)})
    moved = aside(client, put(client))
    monkeypatch.setattr(manifest, "chosen", lambda *_, **__: [moved])
    where = ("files", KEY, "t", "order 7", "")
    action = HealAction(HealStatus.PLANNED, *where, source=moved.place, size=3, quarantine=moved.id)
    done = carry_out(settings, records(), action)
    assert (done.deed, body(client)) == (HealStatus.HEALED, b"old"), done
    assert carry_out(settings, records(), replace(action, quarantine=None)).deed is HealStatus.FAILED


def in_glacier(client: "S3Client", version: str) -> Quarantined:
    """The same history with a version that lies in an archive: moto moves none by itself."""
    copy = client.list_objects_v2(Bucket="place")["Contents"][0]["Key"]
    client.delete_object(Bucket="print-files", Key=KEY, VersionId=version)
    for marker in client.list_object_versions(Bucket="print-files")["DeleteMarkers"]:
        client.delete_object(Bucket="print-files", Key=KEY, VersionId=marker["VersionId"])
    archived = put(client, StorageClass="GLACIER")
    made = client.delete_object(Bucket="print-files", Key=KEY)["VersionId"]
    there = client.head_object(Bucket="place", Key=copy)["VersionId"]
    sha256 = hashlib.sha256(b"old").hexdigest()
    known = {"place_key": copy, "place_version": there, "sha256": sha256, "headers": {}}
    return row(archived, marker_version=made, quarantined_at=datetime(2020, 1, 2, tzinfo=UTC), **known)
