"""What a run that was killed has begun is ended by the next: nothing is hidden, and nothing older comes back."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from printflow_reliability.files import new_objects
from printflow_reliability.files.quarantine import back, move, steps
from printflow_reliability.files.quarantine.outcome import Deed
from printflow_reliability.files.quarantine.steps import Copied, Unsure, copied, marked
from printflow_reliability.files.rollback.carry_out import Pace
from printflow_reliability.records import erasures
from printflow_reliability.records.erasures import Erasures
from printflow_reliability.records.quarantine import Quarantined
from printflow_reliability_tests.minimal_settings import minimal_settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

from printflow_reliability_tests.files.quarantine.object_aside import (
    FILES,
    PLACE,
    Nobody,
    aside,
    body,
    put,
    released,
    row,
)


def of_moto(client: "S3Client", **changed: Any) -> Any:
    """The store, but for some calls."""
    real = new_objects.writer(FILES)

    class Changed:
        def __getattr__(self, name: str) -> Any:
            return changed.get(name) or getattr(real, name)

    return lambda _: Changed()


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "DeleteObject")


class Manifest:
    """What is noted, instead of records."""

    GIVEN_UP = "given up"

    def __init__(self, *rows: Quarantined) -> None:
        self.rows = rows
        self.ended: list[int] = []
        self.noted: list[int] = []

    def unfinished(self, _: Any) -> Any:
        return self.rows

    def moved(self, _: Any, number: int) -> None:
        self.noted.append(number)

    def end(self, _: Any, number: int, *__: Any) -> None:
        self.ended.append(number)


def gone_on_with(monkeypatch: pytest.MonkeyPatch, *rows: Quarantined) -> tuple[Manifest, Any]:
    kept = Manifest(*rows)
    monkeypatch.setattr(move, "manifest", kept)
    named = minimal_settings().model_copy(update={"bucket": (FILES,)})
    mover = move.Mover(named, cast(Any, None), cast(Any, Nobody()), PLACE, "ada", Pace(1000))
    mover.go_on()
    return kept, mover.outcome


def test_a_delete_that_fails_and_was_done_all_the_same_stays_open_and_comes_back(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    version = put(client)
    copy = copied(FILES, PLACE, row(version))
    assert isinstance(copy, Copied)
    real = new_objects.writer(FILES)

    def done_and_refused(**which: Any) -> Any:
        real.delete_object(**which)
        raise refused("InternalError")

    with monkeypatch.context() as patch:
        patch.setattr(steps, "writer", of_moto(client, delete_object=done_and_refused))
        assert isinstance(marked(FILES, row(version)), Unsure)
    known = {"place_version": copy.version, "sha256": copy.sha256, "headers": copy.belongings.as_json()}
    kept, outcome = gone_on_with(monkeypatch, row(version, **known))
    assert (kept.noted, kept.ended, outcome.deeds) == ([1], [], {Deed.DONE: 1})
    assert released(row(version, **known)).deed is Deed.DONE
    assert body(client) == b"old"


def test_the_copy_is_kept_where_nothing_else_is_left(client: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    version = put(client)
    moved = aside(client, version)
    empty_of_files(client)
    kept, _ = gone_on_with(monkeypatch, moved)
    assert (kept.noted, kept.ended) == ([1], [])
    assert released(moved).deed is Deed.DONE
    assert body(client) == b"old"


def empty_of_files(client: "S3Client") -> None:
    listed = client.list_object_versions(Bucket="print-files")
    for version in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
        client.delete_object(Bucket="print-files", Key=version["Key"], VersionId=version["VersionId"])


def test_our_marker_over_a_newer_file_is_told_and_its_row_stays_open_and_brings_nothing_older_back(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    version = put(client)
    copy = copied(FILES, PLACE, row(version))
    assert isinstance(copy, Copied)
    real = new_objects.writer(FILES)

    def late(**which: Any) -> Any:
        if "VersionId" in which:
            raise refused("AccessDenied")
        put(client, b"newer")
        return real.delete_object(**which)

    with monkeypatch.context() as patch:
        patch.setattr(steps, "writer", of_moto(client, delete_object=late))
        answer = marked(FILES, row(version))
    assert isinstance(answer, Unsure)
    assert "files heal --key" in answer.why
    open_row = row(version, place_version=copy.version, sha256=copy.sha256, headers=copy.belongings.as_json())
    kept, outcome = gone_on_with(monkeypatch, open_row)
    assert (kept.noted, kept.ended, outcome.deeds) == ([], [], {Deed.FAILED: 1})
    assert "files heal --key" in outcome.not_done[0][2]
    assert released(open_row).deed is Deed.FAILED
    assert body(client) is None


def test_a_row_whose_bucket_is_named_no_more_keeps_nobody_elses_from_going_on(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = aside(client, put(client))
    kept, outcome = gone_on_with(monkeypatch, row("v", bucket="renamed", id=2), moved)
    assert (kept.noted, outcome.deeds) == ([1], {Deed.FAILED: 1, Deed.DONE: 1})
    monkeypatch.setattr(erasures, "in_force", lambda _: Erasures([]))
    returned = back.bring_back(minimal_settings(), cast(Any, None), row("v", bucket="renamed"), "ada")
    assert returned.deed is Deed.FAILED


def test_a_copy_without_a_marker_is_given_up_once_no_delete_can_be_under_way(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    version = put(client)
    copy = copied(FILES, PLACE, row(version))
    assert isinstance(copy, Copied)
    known = {"place_version": copy.version, "sha256": copy.sha256, "headers": copy.belongings.as_json()}
    kept, outcome = gone_on_with(monkeypatch, row(version, **known))  # a row names it now: no plan finds it again
    assert (kept.ended, kept.noted, outcome.deeds) == ([1], [], {})
    assert body(client) == b"old"
    kept, _ = gone_on_with(monkeypatch, row(version, begun_at=datetime.now(UTC), **known))
    assert (kept.ended, kept.noted) == ([], [])
