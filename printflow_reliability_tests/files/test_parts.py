"""Objects above what S3 writes at once: in parts, whole, with all that they carry, and no part is left behind."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from printflow_reliability.files import parts
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.heal_write import carry_out
from printflow_reliability.files.new_objects import writer
from printflow_reliability_tests.files.healing import BUCKET, KEY, REPLICA, deleted, records, settings_with, two_buckets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SMALLEST_PART = 5 * 1024**2
BODY = os.urandom(SMALLEST_PART) + b"the rest"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    monkeypatch.setattr(parts, "LARGEST_AT_ONCE", 1000)
    for name in ("COPIED_PART", "SENT_PART"):
        monkeypatch.setattr(parts, name, SMALLEST_PART)
    with two_buckets() as made:
        monkeypatch.setattr(parts, "writer", lambda _bucket: made)
        yield made


def uploads(client: "S3Client") -> Any:
    return client.list_multipart_uploads(Bucket=BUCKET.bucket).get("Uploads", [])


def in_replica(client: "S3Client") -> HealAction:
    action = deleted(client, b"an earlier upload")
    copied = writer(REPLICA).put_object(
        Bucket=REPLICA.bucket, Key=KEY, Body=BODY, Metadata={"proof": "7"}, Tagging="a=b"
    )
    return replace(action, source=REPLICA.name, version_id=copied["VersionId"], size=len(BODY))


def in_bucket(client: "S3Client") -> HealAction:
    return deleted(client, BODY, Metadata={"proof": "7"}, Tagging="a=b")


@pytest.mark.parametrize("make", [in_bucket, in_replica])
def test_a_large_object_comes_back_in_parts_with_what_it_carries(client: "S3Client", make: Any) -> None:
    action, noted = make(client), records()
    done = carry_out(settings_with(), noted, action)
    there = client.get_object(Bucket=BUCKET.bucket, Key=KEY)
    assert (done.deed, there["Metadata"]) == (HealStatus.HEALED, {"proof": "7"}), done
    assert there["Body"].read() == BODY
    assert there["ETag"].strip('"').endswith("-2")
    assert client.get_object_tagging(Bucket=BUCKET.bucket, Key=KEY)["TagSet"] == [{"Key": "a", "Value": "b"}]
    said = [call.args[0].split()[0:3] for call in noted.execute.call_args_list]
    assert said.count(["INSERT", "INTO", "begun_uploads"]) == said.count(["DELETE", "FROM", "begun_uploads"]) == 1


@pytest.mark.parametrize(("make", "step"), [(in_bucket, "upload_part_copy"), (in_replica, "upload_part")])
def test_a_part_that_fails_leaves_no_part_and_no_object(
    client: "S3Client", make: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    action, send = make(client), getattr(client, step)

    def second_fails(**asked: Any) -> Any:
        if asked["PartNumber"] == 2:
            raise ClientError({"Error": {"Code": "SlowDown"}}, step)
        return send(**asked)

    monkeypatch.setattr(client, step, second_fails)
    done = carry_out(settings_with(), records(), action)
    assert (done.deed, uploads(client)) == (HealStatus.FAILED, [])
    assert "SlowDown" in done.detail
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket=BUCKET.bucket, Key=KEY)


def test_an_object_that_somebody_wrote_meanwhile_is_not_replaced(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS refuses to complete such an upload with If-None-Match: its recorded answer, which moto does not give."""
    action = in_bucket(client)

    def refused(**asked: Any) -> Any:
        assert asked["IfNoneMatch"] == "*"
        client.put_object(Bucket=BUCKET.bucket, Key=KEY, Body=b"another file")
        raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "CompleteMultipartUpload")

    monkeypatch.setattr(client, "complete_multipart_upload", refused)
    done = carry_out(settings_with(), records(), action)
    assert (done.deed, uploads(client)) == (HealStatus.THERE, [])


def test_an_upload_that_was_killed_is_ended_by_the_next_healing(client: "S3Client") -> None:
    begun = client.create_multipart_upload(Bucket=BUCKET.bucket, Key=KEY)["UploadId"]
    client.upload_part(Bucket=BUCKET.bucket, Key=KEY, UploadId=begun, PartNumber=1, Body=b"a part")
    noted = records()
    noted.execute.return_value.fetchall.return_value = [(1, "files", KEY, begun), (2, "files", KEY, "ended before")]
    parts.abort_begun(settings_with(), noted)
    assert uploads(client) == []
    said = [call.args for call in noted.execute.call_args_list]
    assert [values for statement, *values in said if statement.startswith("DELETE")] == [[(1,)], [(2,)]]


def test_an_upload_that_is_under_way_is_left_alone(client: "S3Client") -> None:
    begun = client.create_multipart_upload(Bucket=BUCKET.bucket, Key=KEY)["UploadId"]
    noted = records()
    noted.execute.return_value.fetchall.return_value = [(1, "files", KEY, begun)]
    noted.execute.return_value.fetchone.side_effect = [(False,), None]  # another session holds the upload's lock
    parts.abort_begun(settings_with(), noted)
    assert [upload["UploadId"] for upload in uploads(client)] == [begun]
    assert not any(call.args[0].startswith("DELETE") for call in noted.execute.call_args_list)


def test_whoever_uploads_holds_the_uploads_lock_for_as_long_as_it_is_noted(client: "S3Client") -> None:
    noted = records()
    carry_out(settings_with(), noted, in_bucket(client))
    said = [call.args[0] for call in noted.execute.call_args_list]
    words = ("pg_try_advisory_lock", "INSERT INTO begun_uploads", "DELETE FROM begun_uploads", "pg_advisory_unlock")
    places = [next(at for at, statement in enumerate(said) if word in statement) for word in words]
    assert places == sorted(places)


def test_an_upload_that_the_records_do_not_note_is_ended(client: "S3Client") -> None:
    action, noted = in_bucket(client), records()
    answer = noted.execute.return_value

    def execute(statement: str, *_: Any) -> Any:
        if "INSERT INTO begun_uploads" in statement:
            raise psycopg.OperationalError("the server closed the connection")
        return answer

    noted.execute.side_effect = execute
    with pytest.raises(psycopg.OperationalError):
        carry_out(settings_with(), noted, action)
    assert uploads(client) == []
