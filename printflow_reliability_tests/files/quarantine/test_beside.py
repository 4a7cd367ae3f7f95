"""The note beside a copy: by it alone, without any record, an object comes back."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from printflow_reliability.errors import ConfigError
from printflow_reliability.files.quarantine import run, steps
from printflow_reliability.files.quarantine.beside import SUFFIX, notes_of
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.files.quarantine.report import ReleaseReport
from printflow_reliability.files.quarantine.run import Chosen
from printflow_reliability.records import quarantine as manifest
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability_tests.files.quarantine.object_aside import FILES, KEY, PLACE, aside, body, put, released, row
from printflow_reliability_tests.minimal_settings import minimal_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_what_the_records_have_forgotten_comes_back_by_its_note_with_all_that_belongs_to_it(client: "S3Client") -> None:
    moved = aside(client, put(client, ContentType="application/pdf", Metadata={"proof": "7"}))
    for version in client.list_object_versions(Bucket="print-files")["Versions"]:  # a lifecycle ended the version
        client.delete_object(Bucket="print-files", Key=KEY, VersionId=version["VersionId"])
    (found,) = notes_of(PLACE).rows
    unknown = {"id": 0, "quarantined_at": None, "marker_version": None}
    assert vars(found) == {**vars(moved), **unknown}
    assert released(found).deed is Deed.DONE
    assert (body(client), client.head_object(Bucket="print-files", Key=KEY)["ContentType"]) == (
        b"old",
        "application/pdf",
    )
    assert [notes_of(PLACE, *of).rows for of in (([KEY], "files"), (["other"],), ([], "other"))] == [(found,), (), ()]


def test_no_marker_follows_where_the_note_cannot_be_written(client: "S3Client") -> None:
    version = put(client)
    client.put_object(Bucket="place", Key=row(version).place_key + SUFFIX, Body=b"another note")
    failure = steps.copied(FILES, PLACE, row(version))
    assert failure == (Deed.FAILED, 'the note beside its copy in bucket "place" reads back differently')


def test_a_note_whose_request_was_carried_out_without_an_answer_is_its_own(client: "S3Client") -> None:
    version = put(client)
    assert isinstance(steps.copied(FILES, PLACE, row(version)), steps.Copied)
    assert isinstance(steps.copied(FILES, PLACE, row(version)), steps.Copied)


def test_a_note_that_cannot_be_believed_is_told_and_hides_no_other(client: "S3Client") -> None:
    moved = aside(client, put(client))
    note = client.get_object(Bucket="place", Key=moved.place_key + SUFFIX)["Body"].read()
    wrong = {**json.loads(note), "place_key": "quarantine/files/t/4", "headers": {"unheard": "of"}}
    for number, text in enumerate((b"\xff", b"[]", note, json.dumps(wrong).encode()), 1):
        client.put_object(Bucket="place", Key=f"quarantine/files/t/{number + 4 if number < 4 else 4}.json", Body=text)
    notes = notes_of(PLACE)
    assert ([each.place_key for each in notes.rows], notes.unreadable) == ([moved.place_key], 4)
    assert ReleaseReport([], 0, unreadable=notes.unreadable).exit_code == 2


def test_of_what_was_forgotten_only_the_newest_of_each_key_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    known = row("v1", id=9, begun_at=datetime(2020, 1, 1, tzinfo=UTC))
    newer = row("v2", id=0, begun_at=datetime(2020, 1, 2, tzinfo=UTC))
    monkeypatch.setattr(manifest, "chosen", lambda *_, **__: [known])
    chosen = Chosen("ada", [KEY], from_place=True)
    rows, _ = run._rows(minimal_settings(), cast(Any, None), chosen, [newer])
    assert rows == [newer]


@pytest.mark.parametrize("apply", [True, False])
def test_what_was_forgotten_never_comes_back_as_a_whole(*, apply: bool) -> None:
    settings = minimal_settings().model_copy(update={"bucket": (FILES, PLACE.bucket)})
    with pytest.raises(ConfigError, match="would come back") as refused:
        run.release(settings, Chosen("ada", tenants=["t"], bucket="files", from_place=True), apply=apply)
    assert "printflow files release --needed --from-place" in refused.value.sentence


def test_of_what_was_forgotten_only_what_is_wanted_is_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, other, known = row("v1", id=0), row("v2", id=0, key="released.pdf"), row("v3", id=3, key="known.pdf")
    kept = [known]

    def adopt(_: Any, taken: Quarantined, __: str) -> None:
        kept.append(row(taken.version_id, id=7, key=taken.key))

    monkeypatch.setattr(manifest, "adopt", adopt)
    monkeypatch.setattr(manifest, "chosen", lambda _, keys: [each for each in kept if each.key in keys])
    rows = run._adopted(cast(Any, None), [wanted, known], [wanted, other], "ada")
    assert [(each.id, each.key) for each in rows] == [(3, "known.pdf"), (7, KEY)]
    assert [each.key for each in kept] == ["known.pdf", KEY]
    assert run._adopted(cast(Any, None), [], [other], "ada") == []
