"""Copies of what was erased: what is there is named with its command and its lock, and what cannot be told is said."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from printflow_reliability.errors import CouldNotTell
from printflow_reliability.files import erased_copies as copies
from printflow_reliability.files.presence import KeyRefused, Presence
from printflow_reliability.records import erasures, quarantine
from printflow_reliability.storage.single_keys import Refusal
from printflow_reliability_tests.files.quarantine.object_aside import KEY, PLACE, aside, put
from printflow_reliability_tests.minimal_settings import minimal_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SETTINGS = minimal_settings().model_copy(update={"bucket": (PLACE.bucket,)})


def named(*places: tuple[str, str]) -> list[copies.ErasedCopy]:
    """What is told of copies at these places and keys."""
    rows = [(1, "files", KEY, *place) for place in places]
    answer = SimpleNamespace(fetchall=lambda: rows)
    return [*copies.erased_copies(SETTINGS, cast("Any", SimpleNamespace(execute=lambda *_: answer)))]


def test_what_is_deleted_is_named_no_more_and_a_marker_deletes_nothing(client: "S3Client") -> None:
    version = client.put_object(Bucket="place", Key="q/it's 1", Body=b"a")["VersionId"]
    client.put_object(Bucket="place", Key="q/it's 10", Body=b"another's")
    client.delete_object(Bucket="place", Key="q/it's 1")
    (copy,) = named(("place", "q/it's 1"), ("place", "q/never made"))
    deletes = f"aws s3api delete-object --bucket place --key 'q/it'\"'\"'s 1' --version-id {version}"
    assert (copy.command, copy.locked, copy.unknown) == (deletes, "", "")
    assert copy.sentence.endswith(f"Next: {deletes}")
    client.delete_object(Bucket="place", Key="q/it's 1", VersionId=version)
    assert named(("place", "q/it's 1")) == []
    client.put_object(Bucket="place", Key="q/it's 1.json", Body=b"{}")
    assert [note.place_key for note in named(("place", "q/it's 1"))] == ["q/it's 1.json"]


def test_a_lock_is_told_since_the_store_refuses_until_it_ends(client: "S3Client") -> None:
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    client.put_object(
        Bucket="locked", Key="q/1", Body=b"a", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )
    place = PLACE.bucket.model_copy(update={"bucket": "locked"})
    copy = copies.ErasedCopy(1, "files", KEY, "place", "q/1")
    (found,) = copies._still_there(place, Presence(place), copy)
    assert f"until {until:%Y-%m-%d %H:%M:%S}" in found.locked
    assert found.locked in found.sentence


def test_a_place_that_is_renamed_refuses_or_is_away_is_never_told_as_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def priors(_: Presence, key: str) -> Any:
        raise KeyRefused(Refusal("not permitted")) if key == "q/refused" else CouldNotTell("it does not answer")

    monkeypatch.setattr(Presence, "priors", priors)
    (renamed,) = named(("renamed", "q/1"))
    (refused,) = named(("place", "q/refused"))
    away = named(("place", "q/refused"), ("place", "q/1"))
    assert "renamed" in renamed.unknown
    assert [copy.unknown for copy in (refused, *away)] == ["not permitted", *["it does not answer"] * 2]
    assert all("not known" in copy.sentence and not copy.command for copy in (renamed, refused, *away))


def noted(*erased: str, recorded: tuple[str, ...] = (), number: int | None = None) -> list[copies.ErasedCopy]:
    """What is told where these keys were erased, and of the copies only those of `recorded` have a row."""
    rows: dict[str, list[tuple[Any, ...]]] = {
        quarantine.COPIES_OF_ERASED: [(1, "files", KEY, "place", place_key) for place_key in recorded],
        erasures.IN_FORCE: [
            (each, "files", key, "t", "asked for", "ada", datetime(2026, 11, 2, tzinfo=UTC))
            for each, key in enumerate(erased, 1)
        ],
    }
    of_place: list[tuple[Any, ...]] = [(place_key,) for place_key in recorded]
    records = SimpleNamespace(execute=lambda said, _=(): SimpleNamespace(fetchall=lambda: rows.get(said, of_place)))
    files = SETTINGS.files.model_copy(update={"quarantine_bucket": "place"})
    settings = SETTINGS.model_copy(update={"files": files})
    return [*copies.erased_copies(settings, cast("Any", records), number)]


def test_a_copy_that_the_records_have_forgotten_is_named_by_its_note(client: "S3Client") -> None:
    moved = aside(client, put(client))
    named_keys = [moved.place_key, moved.place_key + ".json"]
    assert [(copy.erasure, copy.key, copy.place_key) for copy in noted("other.pdf", KEY)] == [
        (2, KEY, place_key) for place_key in named_keys
    ]
    assert all(copy.command and not copy.unknown for copy in noted(KEY))
    assert [copy.place_key for copy in noted("a ü/", recorded=(moved.place_key,))] == named_keys  # each of them once
    assert noted("other.pdf") == noted("other.pdf", KEY, number=1) == noted() == []


def test_a_note_that_cannot_be_read_or_a_place_that_is_away_is_never_told_as_no_copy(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"{SETTINGS.files.quarantine_prefix}files/t/1"
    client.put_object(Bucket="place", Key=f"{key}.json", Body=b"{}")
    (unread,) = noted(KEY)
    assert (unread.erasure, unread.unknown) == (1, "1 note beside copies could not be read")
    assert "a copy that is in no record is not known" in unread.sentence
    assert [copy.place_key for copy in noted(KEY, recorded=(key,))] == [f"{key}.json"]  # its row says what it is of

    def away(*_: Any, **__: Any) -> Any:
        raise CouldNotTell("it does not answer")

    monkeypatch.setattr(copies, "notes_of", away)
    assert [(copy.erasure, copy.unknown) for copy in noted(KEY, "b.pdf")] == [
        (number, "it does not answer") for number in (1, 2)
    ]
