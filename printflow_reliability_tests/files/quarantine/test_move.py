"""One object aside and back on a versioned bucket, against a model: nothing is lost, replaced, or anybody else's."""

from datetime import UTC, datetime
from email.header import decode_header, make_header
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from printflow_reliability.files import new_objects
from printflow_reliability.files.quarantine import copies, move, steps
from printflow_reliability.files.quarantine.copies import Belongings
from printflow_reliability.files.quarantine.history import is_own
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.files.quarantine.plan import Orphan
from printflow_reliability.files.quarantine.steps import Copied, Seen, copied, marked, seen
from printflow_reliability.files.rollback.carry_out import Pace
from printflow_reliability.records.quarantine import Quarantined, newest_of_each
from printflow_reliability.storage.objects import Version
from printflow_reliability_tests.minimal_settings import minimal_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

from printflow_reliability_tests.files.quarantine.object_aside import (
    FILES,
    KEY,
    PLACE,
    Nobody,
    aside,
    body,
    empty,
    newest_content,
    put,
    released,
    row,
)


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

    monkeypatch.setattr(steps, "writer", lambda _: Late())
    assert marked(FILES, row(version)) == (Deed.MEANWHILE, steps.CHANGED)
    assert body(client) == b"newer"


def test_an_object_is_taken_only_as_the_listing_showed_it(client: "S3Client") -> None:
    version = put(client)
    written = client.head_object(Bucket="print-files", Key=KEY)["LastModified"]
    orphan = Orphan("files", KEY, "t", 3, written)
    found = seen(FILES, orphan)
    assert isinstance(found, Seen)
    assert found.version == version
    put(client, b"longer than before")
    assert seen(FILES, orphan) == (Deed.MEANWHILE, steps.CHANGED)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["put", "delete", "aside", "back", "expire"]), max_size=8))
@example(steps=["put", "aside", "put", "delete", "back"])
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
            done = {"marker_version": marker, "quarantined_at": datetime(2026, 11, 2, tzinfo=UTC)}
            moved, kept, shown = row(version, **{**vars(target), **known, **done}), shown, None
        elif step == "expire" and moved is not None and shown is None:
            client.delete_object(Bucket="print-files", Key=KEY, VersionId=moved.version_id)
        elif step == "back" and moved is not None:
            newest = newest_content(client)
            deed = released(moved).deed
            if shown is not None:
                assert deed is Deed.MEANWHILE
            elif newest in (None, moved.version_id):
                assert deed is Deed.DONE
                shown, moved = kept, None
            else:  # what was written since and deleted again is newer
                assert deed is Deed.FAILED
        assert body(client) == shown
        if moved is not None:
            copy_of = client.get_object(Bucket="place", Key=moved.place_key)["Body"].read()
            assert copy_of == kept


@pytest.mark.parametrize("value", ["Grüße", "Grüße".encode().decode("latin-1"), "日本 €"])
def test_metadata_beyond_ascii_becomes_a_header_and_stays_as_it_was_in_the_manifest(value: str) -> None:
    belongings = Belongings(metadata={"note": value})
    note = belongings.arguments()["Metadata"]["note"]
    assert note.isascii()
    assert str(make_header(decode_header(note))) in ("Grüße", "日本 €")
    assert belongings.as_json()["metadata"] == {"note": value}


def test_a_lock_is_kept_and_a_place_that_cannot_hold_it_is_that_keys_failure(client: "S3Client") -> None:
    locked = Belongings(
        lock={"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2099-01-01T00:00:00+00:00"}
    ).arguments()
    assert locked["ObjectLockRetainUntilDate"] == datetime(2099, 1, 1, tzinfo=UTC)
    with pytest.raises(steps._RefusedError) as refused, steps.refused_for_key():
        raise ClientError({"Error": {"Code": "InvalidRequest"}}, "PutObject")
    assert refused.value.failure[0] is Deed.FAILED


def test_a_bucket_that_keeps_versions_no_more_is_not_deleted_from(client: "S3Client") -> None:
    version = put(client)
    client.put_bucket_versioning(Bucket="print-files", VersioningConfiguration={"Status": "Suspended"})
    try:
        assert isinstance(answer := marked(FILES, row(version)), tuple)
        assert answer[0] is Deed.FAILED
    finally:
        client.put_bucket_versioning(Bucket="print-files", VersioningConfiguration={"Status": "Enabled"})
    assert body(client) == b"old"


def test_a_version_null_that_was_written_over_is_somebody_elses() -> None:
    def of(version: str, etag: str) -> Version:
        return Version(version, etag, 3, datetime(2026, 11, 2, tzinfo=UTC))

    target = row("null")
    assert is_own(of("null", target.etag), target)
    assert not is_own(of("null", "other"), target)


def test_of_one_key_only_what_was_moved_last_comes_back() -> None:
    older, newer, other = row("v1"), row("v2", id=2), row("v3", key="b.pdf", id=3)
    assert newest_of_each([older, other, newer]) == [newer, other]


def test_a_copy_that_is_gone_is_made_up_for_by_the_version(client: "S3Client") -> None:
    version = put(client)
    moved = aside(client, version)
    client.delete_object(Bucket="place", Key=moved.place_key, VersionId=moved.place_version or "")
    assert released(row(version, **{**vars(moved), "marker_version": None})).deed is Deed.DONE
    assert body(client) == b"old"


def test_what_is_too_large_for_one_request_replaces_nothing(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "LARGEST_AT_ONCE", 2)
    writing = new_objects.writer(FILES)
    written = copies.send(FILES, writing, KEY, BytesIO(b"large"), {"Metadata": {"proof": "7"}})
    head = client.head_object(Bucket="print-files", Key=KEY)
    assert (body(client), head["VersionId"], head["Metadata"]) == (b"large", written, {"proof": "7"})
    assert copies.send(FILES, writing, KEY, BytesIO(b"other"), {}) is None
    assert body(client) == b"large"


def test_a_lock_that_has_ended_is_not_asked_for_again() -> None:
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": "2020-01-01T00:00:00+00:00"}
    assert Belongings(lock={**lock, "ObjectLockLegalHoldStatus": "ON"}).arguments() == {
        "Metadata": {},
        "ObjectLockLegalHoldStatus": "ON",
    }


def test_a_legal_hold_that_is_off_is_not_sent_to_a_place_without_object_lock() -> None:
    assert Belongings(lock={"ObjectLockLegalHoldStatus": "OFF"}).arguments() == {"Metadata": {}}


def test_what_cannot_be_moved_keeps_no_other_orphan_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Orphan("files", str(number), "t", 3, datetime(2026, 1, 1, tzinfo=UTC)) for number in range(5)]
    mover = move.Mover(minimal_settings(), cast(Any, None), cast(Any, Nobody()), PLACE, "ada", Pace(1000))

    def batch(mover: move.Mover, orphans: Any) -> None:
        for orphan in orphans:
            mover.outcome.add(Deed.FAILED if orphan.key < "2" else Deed.DONE, "files", orphan.key, 3)

    monkeypatch.setattr(move.Mover, "_batch", batch)
    outcome = mover.move(found[:2], further=found[2:])
    assert (outcome.deeds, outcome.further) == ({Deed.FAILED: 2, Deed.DONE: 2}, 2)
