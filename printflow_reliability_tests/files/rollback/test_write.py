"""One object back and forward on a versioned bucket: nothing is lost, nothing of somebody else's is replaced."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
import pytest
from moto import mock_aws

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import parts
from printflow_reliability.files.rollback import write
from printflow_reliability.files.rollback.carry_out import Pace, carry_out
from printflow_reliability.files.rollback.since import Fate, Step
from printflow_reliability.files.rollback.write import Deed, Written, bring_back, take_forward
from printflow_reliability.settings import BucketSettings
from printflow_reliability_tests.files.healing import records

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = BucketSettings(name="files", bucket="print-files")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    with mock_aws():
        made = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        made.create_bucket(Bucket="print-files")
        made.put_bucket_versioning(Bucket="print-files", VersioningConfiguration={"Status": "Enabled"})
        monkeypatch.setattr(write, "writer", lambda _bucket: made)
        yield made


def put(client: "S3Client", body: bytes, **more: Any) -> str:
    return client.put_object(Bucket="print-files", Key="a ü.pdf", Body=body, **more)["VersionId"]


def overwritten(client: "S3Client") -> Step:
    old = put(client, b"old", ContentType="application/pdf", Metadata={"proof": "7"}, Tagging="kept=yes")
    return Step("files", "a ü.pdf", Fate.OVERWRITTEN, old, 3, "", put(client, b"newer"), older=True)


def deleted(client: "S3Client") -> Step:
    old = put(client, b"old")
    marker = client.delete_object(Bucket="print-files", Key="a ü.pdf")["VersionId"]
    return Step("files", "a ü.pdf", Fate.DELETED, old, 3, "", marker, older=False)


def body(client: "S3Client") -> bytes:
    return client.get_object(Bucket="print-files", Key="a ü.pdf")["Body"].read()


def test_an_overwritten_object_is_back_with_its_headers_and_the_newer_one_stays_a_version(client: "S3Client") -> None:
    step = overwritten(client)
    assert bring_back(BUCKET, step).deed is Deed.DONE
    now = client.head_object(Bucket="print-files", Key="a ü.pdf")
    assert (body(client), now["ContentType"], now["Metadata"]["proof"]) == (b"old", "application/pdf", "7")
    assert client.get_object_tagging(Bucket="print-files", Key="a ü.pdf")["TagSet"] == [{"Key": "kept", "Value": "yes"}]
    newer = client.get_object(Bucket="print-files", Key="a ü.pdf", VersionId=step.before)
    assert newer["Body"].read() == b"newer"


@pytest.mark.parametrize("make", [overwritten, deleted])
def test_a_step_that_is_done_twice_is_done_once_and_so_is_its_undo(client: "S3Client", make: Any) -> None:
    step = make(client)
    assert [bring_back(BUCKET, step).deed for _ in range(2)] == [Deed.DONE, Deed.THERE]
    assert body(client) == b"old"
    assert [take_forward(BUCKET, step).deed for _ in range(2)] == [Deed.DONE, Deed.THERE]
    if step.fate is Fate.OVERWRITTEN:
        assert body(client) == b"newer"
    else:
        with pytest.raises(client.exceptions.NoSuchKey):
            body(client)


@pytest.mark.parametrize("make", [overwritten, deleted])
def test_what_somebody_wrote_meanwhile_stays(client: "S3Client", make: Any) -> None:
    step = make(client)
    put(client, b"somebody's")
    assert bring_back(BUCKET, step).deed is Deed.MEANWHILE
    assert body(client) == b"somebody's"


def test_what_somebody_wrote_after_the_rollback_is_not_undone(client: "S3Client") -> None:
    step = overwritten(client)
    bring_back(BUCKET, step)
    put(client, b"somebody's")
    assert take_forward(BUCKET, step).deed is Deed.MEANWHILE
    assert body(client) == b"somebody's"


def test_a_version_that_is_gone_is_that_keys_failure(client: "S3Client") -> None:
    step = overwritten(client)
    client.delete_object(Bucket="print-files", Key="a ü.pdf", VersionId=step.version_id)
    assert bring_back(BUCKET, step).deed is Deed.FAILED
    assert body(client) == b"newer"


SMALLEST_PART = 5 * 1024**2
LARGE = bytes(SMALLEST_PART) + b"the rest"


@pytest.fixture
def large(client: "S3Client", monkeypatch: pytest.MonkeyPatch) -> Step:
    """An object that was overwritten, and is too large to be copied at once."""
    monkeypatch.setattr(parts, "LARGEST_AT_ONCE", 1000)
    monkeypatch.setattr(parts, "COPIED_PART", SMALLEST_PART)
    monkeypatch.setattr(parts, "writer", lambda _bucket: client)
    old = put(client, LARGE)
    return Step("files", "a ü.pdf", Fate.OVERWRITTEN, old, len(LARGE), "", put(client, LARGE[:-1]), older=True)


def test_a_copy_in_parts_and_its_undo_are_noted_for_as_long_as_they_last(client: "S3Client", large: Step) -> None:
    noted = records()
    assert [bring_back(BUCKET, large, noted).deed, body(client)] == [Deed.DONE, LARGE]
    assert [take_forward(BUCKET, large, noted).deed, body(client)] == [Deed.DONE, LARGE[:-1]]
    said = [call.args[0].split()[0:3] for call in noted.execute.call_args_list]
    assert said.count(["INSERT", "INTO", "begun_uploads"]) == said.count(["DELETE", "FROM", "begun_uploads"]) == 2


def test_records_that_are_lost_amid_a_copy_in_parts_end_the_work_and_leave_no_part(
    client: "S3Client", large: Step
) -> None:
    lost = records()
    lost.execute.side_effect = psycopg.OperationalError("the server closed the connection")
    with pytest.raises(CouldNotTell, match="records database was lost"):
        bring_back(BUCKET, large, lost)
    assert "Uploads" not in client.list_multipart_uploads(Bucket="print-files")
    assert body(client) == LARGE[:-1]


def some_steps(count: int) -> list[Step]:
    return [Step("files", f"{n}.pdf", Fate.DELETED, "1", 10, "", "2", older=False) for n in range(count)]


def test_a_store_that_is_away_ends_the_work_and_what_was_done_is_counted() -> None:
    def write_some(_: BucketSettings, step: Step) -> Written:
        if int(step.key.partition(".")[0]) > 250:
            raise CouldNotTell("bucket files does not answer", "is it running?")
        return Written(step, Deed.DONE)

    outcome = carry_out(some_steps(1000), 1000, {"files": BUCKET}, write_some, Pace(1e6))
    assert outcome.stopped == "bucket files does not answer. Next: is it running?"
    assert 200 <= outcome.deeds[Deed.DONE] <= 251


def test_no_more_are_begun_in_a_second_than_allowed() -> None:
    slept: list[float] = []
    pace = Pace(4, clock=lambda: 10.0, sleep=slept.append)
    for _ in range(4):
        pace.wait()
    assert slept == [0.25, 0.5, 0.75]
