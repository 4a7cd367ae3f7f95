"""What the platform deleted although rows refer to it comes back by itself: within bounds, proven, and only once."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.files import heal_deleted
from printflow_reliability.files.deleted import Why
from printflow_reliability.files.heal import LOCK, heal
from printflow_reliability.files.healed_pass import with_healing
from printflow_reliability.files.reconcile import reconcile
from printflow_reliability.files.report import ReconcileReport
from printflow_reliability.records.database import exclusive, open_records
from printflow_reliability.settings import Settings
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.erased import erased
from printflow_reliability_tests.stack.shelf import Shelf, shelf_of

pytestmark = pytest.mark.stack

BODY = b"a picture that was paid for " * 40
SECOND = "shelf file again"
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def shelf(sandbox: StackSandbox, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    with shelf_of(sandbox, request.function.__name__.replace("_", "-")) as made:
        try:
            yield made
        finally:
            with open_records(made.settings.records) as records:
                for table in ("lasting_findings", "file_heals", "disproven_versions"):
                    records.execute(f"DELETE FROM {table} WHERE bucket = %s".encode(), (made.bucket,))
                records.execute("DELETE FROM reference_rows WHERE reference = %s", (SECOND,))


def by_policy(shelf: Shelf, **files: Any) -> Settings:
    """The shelf's settings with the policy on, for whatever was deleted."""
    every = shelf.settings
    on = {"heal_automatically": True, "heal_after_seconds": 0.0} | files
    return every.model_copy(update={"files": every.files.model_copy(update=on)})


def passed(settings: Settings) -> ReconcileReport:
    return with_healing(settings, reconcile(settings))


def outcome(report: ReconcileReport, check: str) -> tuple[Outcome, str]:
    (found,) = (answer for answer in report.checks if answer.check == check)
    return found.outcome, found.detail


def there(shelf: Shelf, key: str) -> bool:
    return bool(shelf.s3.list_objects_v2(Bucket=shelf.bucket, Prefix=key).get("KeyCount"))


@pytest.mark.alarm("files.healing", "silent")
@pytest.mark.alarm("files.healing", "ring")
def test_a_deleted_file_comes_back_once_and_pages_when_it_is_deleted_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heal_deleted, "PAGE", 1)  # so that the candidates come page by page
    known, sized, unproven, untrue, replaced = (f"shops/1/{name}.png" for name in ("a", "b", "c", "d", "e"))
    shelf.stock(known, BODY, sha256=SHA256)
    shelf.stock(sized, BODY, size=len(BODY))
    shelf.stock(unproven, BODY)
    shelf.stock(untrue, BODY[::-1], sha256=SHA256)
    shelf.stock("shops/1/there.png", BODY)
    off = by_policy(shelf, heal_automatically=False)
    healthy = passed(by_policy(shelf))
    for key in (known, sized, unproven, untrue):
        shelf.delete(key)

    untouched = passed(off)
    assert untouched.healing is not None
    assert (untouched.healing.off, there(shelf, known)) == (True, False)
    shelf.stock(replaced, BODY, size=len(BODY))
    shelf.delete(replaced)
    young = passed(by_policy(shelf, heal_after_seconds=3600.0))
    bounded = passed(by_policy(shelf, heal_at_most=1))
    first = [key for key in (known, sized, replaced) if there(shelf, key)]
    with erased(shelf.settings, replaced, bucket=shelf.bucket):
        healed = passed(by_policy(shelf))
    assert [there(shelf, key) for key in (known, sized, replaced)] == [True, True, False]
    bounded_still = passed(by_policy(shelf, heal_at_most=2))
    with open_records(shelf.settings.records) as records:
        disproven = records.execute("SELECT key FROM disproven_versions WHERE bucket = %s", (shelf.bucket,)).fetchall()
    rest = passed(by_policy(shelf))
    shelf.delete(known)
    again = passed(by_policy(shelf))
    with open_records(shelf.settings.records) as records:
        recorded = records.execute(
            "SELECT key, automatic FROM file_heals WHERE bucket = %s ORDER BY id", (shelf.bucket,)
        ).fetchall()

    assert outcome(healthy, "files.healing")[0] is Outcome.PASS
    assert young.healing is not None
    assert young.healing.reasons == {Why.YOUNG: 5}
    assert (first, outcome(bounded, "files.healing")[0]) == ([known], Outcome.WARN)
    assert (outcome(bounded_still, "files.healing")[0], disproven) == (Outcome.WARN, [(untrue,)])
    assert healed.healing is not None
    assert healed.healing.reasons == {Why.UNPROVEN: 2, Why.ERASED: 1}
    assert (healed.healing.numbers["healed_files"], rest.numbers["healed_files"]) == (1, 1)
    assert recorded == [(known, True), (sized, True), (replaced, True)]
    found, said = outcome(again, "files.healing")
    assert (found, there(shelf, known)) == (Outcome.FAIL, False)
    assert f"deleted again after it was brought back: {known}" in said

    # A person's heal counts as a decision: after it, the policy may bring the file back once more.
    assert heal(shelf.settings, apply=True).as_json()["healed"] >= 1
    shelf.delete(known)
    assert outcome(passed(by_policy(shelf)), "files.healing")[0] is Outcome.PASS
    assert there(shelf, known)


def test_what_is_back_is_missing_no_more_and_its_finding_is_resolved(shelf: Shelf) -> None:
    key = shelf.stock("shops/1/a.png", BODY, size=len(BODY))
    shelf.stock("shops/1/there.png", BODY)
    shelf.delete(key)
    report = passed(by_policy(shelf))
    with open_records(shelf.settings.records) as records:
        (finding,) = records.execute(
            "SELECT key, resolved_at IS NOT NULL FROM lasting_findings WHERE bucket = %s", (shelf.bucket,)
        ).fetchall()
    found, said = outcome(report, "files.missing")
    assert (found, finding) == (Outcome.PASS, (key, True))
    assert "1 missing file brought back by itself" in said
    assert report.as_json()["healing"]["actions"][0]["key"] == key


@pytest.mark.alarm("files.healing", "unknown")
def test_nothing_is_brought_back_while_a_query_fell_or_another_heals_or_a_server_is_away(
    sandbox: StackSandbox, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heal_deleted, "LOCK_SECONDS", 0.0)
    key = shelf.stock("shops/1/a.png", BODY, size=len(BODY))
    shelf.stock("shops/1/there.png", BODY)
    shelf.stock("shops/2/there.png", BODY, tenant="2")
    first = by_policy(shelf)
    query = f"SELECT * FROM ({first.reference[0].query}) AS every WHERE {{}}"
    second = first.reference[0].model_copy(update={"name": SECOND, "query": query.format("key <> 'x'")})

    def with_second(condition: str) -> Settings:
        changed = second.model_copy(update={"query": query.format(condition)})
        return first.model_copy(update={"reference": (*first.reference, changed)})

    passed(with_second("true"))
    shelf.delete(key)
    settings = with_second("true")
    report = reconcile(settings)
    with open_records(settings.records) as records, exclusive(records, LOCK):
        locked = with_healing(settings, report)
    with sandbox.stopped("primary"):
        away = with_healing(settings, report)
        incomplete = passed(settings)
    fallen = passed(with_second("tenant <> '1'"))
    untouched = there(shelf, key)
    of_another = passed(with_second("tenant <> '2'"))  # that is remembered of tenant 1 too: it has its rows again

    for stopped in (locked, away, incomplete, fallen):
        assert outcome(stopped, "files.healing")[0] is Outcome.UNKNOWN, stopped.healing
    assert "another file healing is running" in outcome(locked, "files.healing")[1]
    assert fallen.healing is not None
    assert (fallen.healing.reasons, untouched) == ({Why.UNJUDGED: 1}, False)
    assert of_another.healing is not None
    assert (of_another.healing.reasons, there(shelf, key)) == ({}, True)
