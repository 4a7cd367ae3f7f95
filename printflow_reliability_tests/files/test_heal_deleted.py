"""A turn of the policy: what cannot be written, judged or proven takes no other object's turn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from printflow_reliability.errors import CouldNotTell, LockHeld
from printflow_reliability.files import heal_deleted, heal_write
from printflow_reliability.files.choose import bytes_meet
from printflow_reliability.files.deleted import Left, Why
from printflow_reliability.files.heal import LOCK
from printflow_reliability.files.healing_report import SHOWN, HealingReport
from printflow_reliability.files.new_objects import put_new, writer
from printflow_reliability.files.presence import Presence
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.records import disproven_versions, file_heals
from printflow_reliability.records.file_heals import Candidate, Healed
from printflow_reliability.settings import BucketSettings, FilesSettings
from printflow_reliability_tests.files.healing import BUCKET, REPLICA, records, two_buckets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BODY = b"a picture that was paid for"
PASS: Any = SimpleNamespace(incomplete=(), pass_id=1)
NO_KEY = REPLICA.model_copy(update={"heal_access_key_id": None})
Turn = Callable[..., HealingReport]


@pytest.fixture
def client() -> Iterator["S3Client"]:
    with two_buckets() as made:
        yield made


@pytest.fixture
def turn(client: "S3Client", monkeypatch: pytest.MonkeyPatch) -> Turn:
    """Delete files named by bucket and key, in this order of urgency, and have the policy follow; `still` are gone."""

    def take(
        names: Sequence[tuple[BucketSettings, str]],
        *,
        sha256: str | None = None,
        still: Sequence[tuple[BucketSettings, str]] = (),
        unreferenced: Sequence[str] = (),
        apply: bool = True,
        of_late: int = 0,
        **files: Any,
    ) -> HealingReport:
        for bucket, key in names:
            writer(BUCKET if bucket is BUCKET else REPLICA).put_object(Bucket=bucket.bucket, Key=key, Body=BODY)
            writer(BUCKET if bucket is BUCKET else REPLICA).delete_object(Bucket=bucket.bucket, Key=key)
        names = [*names, *still]
        known = {BUCKET.name: BUCKET} | {bucket.name: bucket for bucket, _ in names}
        settings: Any = SimpleNamespace(
            bucket_named=known.__getitem__,
            bucket=tuple(known.values()),
            files=FilesSettings(heal_automatically=True, heal_after_seconds=0, **files),
            records=None,
        )

        def references(_catalog: object, _paths: object, name: str, keys: Sequence[str]) -> Mapping[str, Any]:
            rows = (Reference(key, 0, "1", "order 7", name, len(BODY), sha256, False) for key in keys)
            return {row.key: [row] for row in rows if row.key not in unreferenced}

        found = [Candidate(bucket.name, key, "1", "order 7") for bucket, key in names]
        noted = records()
        noted.execute.return_value.fetchone.return_value = (len(found),)
        monkeypatch.setattr(heal_deleted, "open_records", lambda _records: nullcontext(noted))
        monkeypatch.setattr(heal_deleted, "open_catalog", lambda _settings: None)
        monkeypatch.setattr(heal_deleted, "tenancy", lambda _settings: SimpleNamespace(tenants=()))
        monkeypatch.setattr(heal_deleted, "references_to", references)
        monkeypatch.setattr(file_heals, "of_late", lambda _records: of_late)
        monkeypatch.setattr(file_heals, "candidates", lambda _records, _tenants, _page: iter(found))
        return heal_deleted.heal_deleted(settings, PASS, apply=apply)

    # A store dates its markers finer than its clock is told.
    monkeypatch.setattr(Presence, "now", lambda _present: datetime.now(UTC) + timedelta(minutes=1))
    return take


def back(report: HealingReport) -> list[str]:
    return [action.key for action in report.brought_back]


@pytest.mark.parametrize("apply", [True, False])
def test_a_bucket_that_has_no_key_to_heal_with_takes_no_other_buckets_turn(turn: Turn, apply: bool) -> None:
    names = [*((NO_KEY, f"{number}.png") for number in range(3)), (BUCKET, "a.png"), (BUCKET, "b.png")]
    report = turn(names, heal_at_most=2, apply=apply)
    assert back(report) == ["a.png", "b.png"]
    assert (report.reasons, report.beyond_bound) == ({Why.FAILED: 3}, 0)
    assert "has no heal_access_key_id" in report.check.detail


def test_writes_that_are_refused_take_no_other_buckets_turn_and_are_not_tried_for_ever(
    turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def refused(bucket: BucketSettings, key: str, *what: Any) -> str | None:
        if bucket is BUCKET:
            return put_new(bucket, key, *what)
        tried.append(key)
        raise CouldNotTell("AccessDenied")

    monkeypatch.setattr(heal_write, "put_new", refused)
    monkeypatch.setattr(heal_deleted, "FAILED_AT_MOST", 2)
    report = turn([*((REPLICA, f"{number}.png") for number in range(5)), (BUCKET, "a.png")], heal_at_most=1)
    assert (back(report), tried) == (["a.png"], ["0.png", "1.png"])
    assert (report.reasons, report.beyond_bound) == ({Why.FAILED: 5}, 0)


def test_what_fails_after_it_was_written_counts_towards_the_bound(
    turn: Turn, client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_asked: Any) -> str:
        raise CouldNotTell("the bucket does not answer")

    monkeypatch.setattr(heal_write, "sha256_of", silent)
    report = turn([(BUCKET, f"{number}.png") for number in range(3)], heal_at_most=1)
    there = client.list_objects_v2(Bucket=BUCKET.bucket)["Contents"]
    assert [item["Key"] for item in there] == ["0.png"]
    assert (report.reasons, report.beyond_bound) == ({Why.FAILED: 1}, 2)


def test_no_bytes_are_read_once_the_bound_is_reached(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(key: str, *what: Any) -> bool:
        read.append(key)
        return bytes_meet(key, *what)

    def met(key: str, *_what: Any) -> bool:
        read.append(key)
        return True

    monkeypatch.setattr(heal_deleted, "bytes_meet", noted)
    sha256 = "f42b5ea06cd0a1cc8a3d7cb1e7f3e2ba2b3d6a0ad4ba0f5dba0d0b9ac6e7a1c1"
    wrong = turn([(BUCKET, f"{number}.png") for number in range(3)], sha256=sha256, heal_at_most=1)
    assert (wrong.reasons, sorted(read)) == ({Why.UNPROVEN: 3}, ["0.png", "1.png", "2.png"])
    read.clear()
    monkeypatch.setattr(heal_deleted, "bytes_meet", met)
    right = turn([(BUCKET, f"{number}.png") for number in range(3)], sha256=sha256, heal_at_most=1)
    assert (back(right), right.beyond_bound, read) == (["0.png"], 2, ["0.png"])


def test_passes_that_divide_the_tenants_share_the_bound(turn: Turn) -> None:
    names = [(BUCKET, f"{number}.png") for number in range(4)]
    report = turn(names, heal_at_most=5, of_late=3)
    assert (back(report), report.beyond_bound) == (["0.png", "1.png"], 2)
    spent = turn([(BUCKET, "4.png")], heal_at_most=5, of_late=7)
    assert (back(spent), spent.beyond_bound) == ([], 1)


@pytest.mark.parametrize("patient", [True, False])
def test_a_turn_waits_for_another_healing_to_end(turn: Turn, *, patient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def take(_records: object, name: str) -> None:
        asked.append(name)
        if len(asked) < 3:
            raise LockHeld("another file healing is running", "wait for it to end, then try again")

    released: list[str] = []
    monkeypatch.setattr(heal_deleted, "take", take)
    monkeypatch.setattr(heal_deleted, "release", lambda _records, name: released.append(name))
    monkeypatch.setattr(heal_deleted, "LOCK_POLL_SECONDS", 0.0)
    monkeypatch.setattr(heal_deleted, "LOCK_SECONDS", 60.0 if patient else 0.0)
    report = turn([(BUCKET, "a.png")])
    if patient:
        assert (back(report), asked, released) == (["a.png"], [LOCK] * 3, [LOCK])
    else:
        assert ("another file healing" in report.not_done, len(asked), released) == (True, 1, [])


def test_bytes_that_are_others_are_read_once_and_so_many_in_a_turn(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: set[tuple[str, str, str]] = set()
    read: list[str] = []

    def note(_records: object, candidate: Candidate, version: str, expected: str) -> None:
        noted.add((candidate.key, version, expected))

    def others(key: str, *_what: Any) -> bool:
        read.append(key)
        return False

    monkeypatch.setattr(disproven_versions, "note", note)
    monkeypatch.setattr(disproven_versions, "of_keys", lambda *_: noted)
    monkeypatch.setattr(heal_deleted, "bytes_meet", others)
    monkeypatch.setattr(heal_deleted, "READ_IN_VAIN_AT_MOST", 2)
    monkeypatch.setattr(heal_deleted, "READ_AT_ONCE", 1)
    names = [(BUCKET, f"{number}.png") for number in range(3)]
    first = turn(names, sha256="ab" * 32)
    assert (first.reasons, read) == ({Why.UNPROVEN: 3}, ["0.png", "1.png"])
    again = turn([], sha256="ab" * 32, still=names)
    assert (again.reasons, read) == ({Why.UNPROVEN: 3}, ["0.png", "1.png", "2.png"])
    turn([], sha256="cd" * 32, still=names[:1], apply=False)
    assert read[3:] == ["0.png"], "its row expects something else by now"


def test_what_is_left_to_a_person_hides_nothing_however_much_it_is(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AT_A_TIME", "JUDGED_AT_MOST"):
        monkeypatch.setattr(heal_deleted, name, 2)
    left = [f"{number}.png" for number in range(5)]
    names = [(BUCKET, key) for key in (*left, "a.png", "b.png", "c.png")]
    report = turn(names, unreferenced=left, heal_at_most=1)
    assert back(report) == ["a.png"]
    assert (report.reasons, report.beyond_bound) == ({Why.UNREFERENCED: 5}, 2)


def test_a_bucket_that_is_away_is_asked_once_in_a_turn(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def now(present: Presence) -> datetime:
        asked.append(present.bucket.name)
        if present.bucket.name == REPLICA.name:
            raise CouldNotTell("it does not answer")
        return datetime.now(UTC) + timedelta(minutes=1)

    monkeypatch.setattr(Presence, "now", now)
    monkeypatch.setattr(heal_deleted, "AT_A_TIME", 1)
    report = turn([(REPLICA, "0.png"), (REPLICA, "1.png"), (BUCKET, "a.png")])
    assert (asked.count(REPLICA.name), back(report)) == (1, ["a.png"])
    assert report.reasons == {Why.UNJUDGED: 2}


def test_what_a_killed_turn_wrote_is_deleted_again_and_what_it_did_not_write_is_brought_back(
    turn: Turn, client: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(_records: object, name: str, _keys: object) -> Mapping[str, Healed]:
        every = client.list_object_versions(Bucket=BUCKET.bucket)["Versions"] if name == BUCKET.name else ()
        newest = {version["Key"]: version["VersionId"] for version in every}
        # Of the first file a version before its newest was brought back, as the newest shows; of the second none.
        return {"a.png": Healed(datetime.now(UTC), "earlier"), "b.png": Healed(datetime.now(UTC), newest["b.png"])}

    monkeypatch.setattr(file_heals, "brought_back_by_itself", begun)
    report = turn([(BUCKET, "a.png"), (BUCKET, "b.png")])
    assert (back(report), report.reasons) == (["b.png"], {Why.AGAIN: 1})


@pytest.mark.parametrize(("apply", "ended"), [(True, 1), (False, 0)])
def test_the_policy_ends_uploads_that_were_killed_and_its_plan_ends_none(
    turn: Turn, apply: bool, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(heal_deleted, "abort_begun", lambda *what: asked.append(what))
    turn([(BUCKET, "a.png")], apply=apply)
    assert len(asked) == ended


def test_what_pages_a_million_times_is_kept_as_often_as_it_is_shown() -> None:
    report = HealingReport(applied=True)
    for number in range(3 * SHOWN):
        report.leave(Candidate("files", f"{number}.png", "1", None), Left(Why.FAILED, "why"))
    assert (len(report.left), report.reasons) == (SHOWN, {Why.FAILED: 3 * SHOWN})


def test_candidates_come_page_by_page_each_once() -> None:
    every = [(-5, "files", "b"), (-5, "files", "c"), (-3, "archive", "a"), (-3, "files", "a"), (-3, "files", "z")]
    pages: list[int] = []

    class Records:
        """Answers a page as the query words it."""

        def execute(self, query: str, asked: Mapping[str, Any]) -> Any:
            assert query == file_heals.CANDIDATES
            after = (asked["urgency"], asked["bucket"], asked["key"])
            found = [row for row in every if asked["urgency"] is None or row > after][: asked["page"]]
            pages.append(len(found))
            rows = [(bucket, key, "1", None, urgency) for urgency, bucket, key in found]
            return SimpleNamespace(fetchall=lambda: rows)

    connection: Any = Records()
    found = [(candidate.bucket, candidate.key) for candidate in file_heals.candidates(connection, None, 2)]
    assert (found, pages) == ([(bucket, key) for _, bucket, key in every], [2, 2, 1])
