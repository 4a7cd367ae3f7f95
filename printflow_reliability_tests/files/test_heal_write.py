"""Writing an object back: a success whose answer is lost, or that nobody saw end, is a success and is on record."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import heal_write, parts
from printflow_reliability.files.heal_report import HealStatus
from printflow_reliability.files.heal_write import carry_out
from printflow_reliability.files.new_objects import put_new, writer
from printflow_reliability.records import file_heals
from printflow_reliability.records.file_heals import Healed
from printflow_reliability_tests.files.healing import BUCKET, KEY, REPLICA, deleted, records, settings_with, two_buckets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BODY = b"a picture that was paid for"
AT = datetime(2026, 11, 2, tzinfo=UTC)
Write = Callable[..., str | None]


@pytest.fixture
def client() -> Iterator["S3Client"]:
    with two_buckets() as made:
        yield made


def recorded(noted: Any) -> list[str]:
    """What became of the row: begun, then finished or forgotten."""
    names = {file_heals.BEGIN: "begun", file_heals.FINISH: "finished", file_heals.FORGET: "forgotten"}
    return [names[call.args[0]] for call in noted.execute.call_args_list if call.args[0] in names]


def writing(monkeypatch: pytest.MonkeyPatch, write: Callable[[Any, str, IO[bytes], Any], str | None]) -> None:
    monkeypatch.setattr(heal_write, "put_new", write)


def there(client: "S3Client") -> list[bytes]:
    listed = client.list_objects_v2(Bucket=BUCKET.bucket).get("Contents", [])
    return [client.get_object(Bucket=BUCKET.bucket, Key=item["Key"])["Body"].read() for item in listed]


def test_an_object_that_is_written_is_begun_and_finished_on_record(client: "S3Client") -> None:
    noted = records()
    assert carry_out(settings_with(), noted, deleted(client, BODY)).deed is HealStatus.HEALED
    assert recorded(noted) == ["begun", "finished"]


def test_a_success_whose_answer_was_lost_is_read_back_locked_and_recorded(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    def repeated(bucket: Any, key: str, body: IO[bytes], carried: Any) -> str | None:
        put_new(bucket, key, body, carried)
        body.seek(0)
        return put_new(bucket, key, body, carried)

    locked: list[str] = []

    def keep_lock(*what: Any) -> str:
        locked.append(what[3])
        return ""

    monkeypatch.setattr(heal_write, "keep_lock", keep_lock)
    writing(monkeypatch, repeated)
    noted = records()
    done = carry_out(settings_with(), noted, deleted(client, BODY), automatic=True)
    newest = client.head_object(Bucket=BUCKET.bucket, Key=KEY)["VersionId"]
    assert (done.deed, there(client), locked) == (HealStatus.HEALED, [BODY], [newest])
    assert recorded(noted) == ["begun", "finished"]


@pytest.mark.parametrize("body", [b"another file", BODY[::-1]], ids=["of another size", "of its size"])
def test_what_somebody_else_wrote_is_theirs(client: "S3Client", body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def faster(bucket: Any, key: str, own: IO[bytes], carried: Any) -> str | None:
        client.put_object(Bucket=BUCKET.bucket, Key=KEY, Body=body)
        return put_new(bucket, key, own, carried)

    writing(monkeypatch, faster)
    noted = records()
    done = carry_out(settings_with(), noted, deleted(client, BODY))
    assert (done.deed, there(client), recorded(noted)) == (HealStatus.THERE, [body], ["begun", "forgotten"])


def test_a_refusal_without_an_object_is_a_failure_and_nothing_is_on_record(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    writing(monkeypatch, lambda *_: None)
    noted = records()
    done = carry_out(settings_with(), noted, deleted(client, BODY))
    assert (done.deed, recorded(noted)) == (HealStatus.FAILED, ["begun", "forgotten"])
    assert "there is none" in done.detail


@pytest.mark.parametrize("written", [True, False])
def test_a_heal_that_fails_stays_on_record_only_if_it_may_have_written(
    client: "S3Client", *, written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*what: Any) -> str | None:
        if written:
            put_new(*what)
        raise CouldNotTell("the bucket does not answer")

    writing(monkeypatch, silent)
    noted = records()
    done = carry_out(settings_with(), noted, deleted(client, BODY), automatic=True)
    assert (done.deed, recorded(noted)) == (HealStatus.FAILED, ["begun"] if written else ["begun", "forgotten"])


def test_a_heal_that_is_killed_after_it_wrote_stays_on_record(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*what: Any) -> str | None:
        put_new(*what)
        raise KeyboardInterrupt

    writing(monkeypatch, killed)
    noted = records()
    with pytest.raises(KeyboardInterrupt):
        carry_out(settings_with(), noted, deleted(client, BODY), automatic=True)
    assert (recorded(noted), there(client)) == (["begun"], [BODY])


@pytest.mark.parametrize("code", ["NoSuchUpload", "PreconditionFailed"])
@pytest.mark.parametrize("of_replica", [False, True])
def test_the_end_of_an_upload_whose_answer_was_lost_is_a_success(
    client: "S3Client", *, of_replica: bool, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = client.complete_multipart_upload

    def repeated(**asked: Any) -> Any:
        complete(**asked)
        raise ClientError({"Error": {"Code": code}}, "CompleteMultipartUpload")

    monkeypatch.setattr(parts, "LARGEST_AT_ONCE", 10)
    monkeypatch.setattr(parts, "writer", lambda _bucket: client)
    monkeypatch.setattr(client, "complete_multipart_upload", repeated)
    action, noted = deleted(client, BODY), records()
    if of_replica:
        copied = writer(REPLICA).put_object(Bucket=REPLICA.bucket, Key=KEY, Body=BODY)
        action = replace(action, source=REPLICA.name, version_id=copied["VersionId"])
    done = carry_out(settings_with(), noted, action)
    assert (done.deed, there(client), recorded(noted)) == (HealStatus.HEALED, [BODY], ["begun", "finished"])


@pytest.mark.parametrize(
    ("begun_with", "versions", "seen"),
    [(None, ["v"], True), ("v", ["w", "v"], True), ("v", ["v", "u"], False), ("v", [], True)],
    ids=["it ended", "it wrote a newer one", "it wrote nothing", "all are gone"],
)
def test_a_heal_that_nobody_saw_end_counts_where_it_wrote(
    begun_with: str | None, versions: Sequence[str], *, seen: bool
) -> None:
    assert Healed(AT, begun_with).seen_in(versions) is seen
