"""The object journal on real servers, filled with events as AWS records them: who deleted a file that is needed."""

from collections.abc import Iterator

import pytest

from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.files.deletions import DeletionReport, check_deletions
from printflow_reliability.settings import JournalSettings
from printflow_reliability_tests.files.recorded_events import (
    TEST_EVENT,
    bridged,
    journal_of,
    notification,
    recorded,
    table_of,
)
from printflow_reliability_tests.stack.conftest import StackSandbox
from printflow_reliability_tests.stack.shelf import Shelf, shelf_of

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def shelf(sandbox: StackSandbox) -> Iterator[Shelf]:
    with shelf_of(sandbox, "deletions") as made:
        yield made


def looked_at(shelf: Shelf, query: str) -> tuple[DeletionReport, CheckResult]:
    shelf.changes["journal"] = JournalSettings(cluster=shelf.site.cluster, query=query)
    report = check_deletions(shelf.settings)
    (answer,) = report.checks
    return report, answer


@pytest.mark.alarm("files.deletions", "silent")
@pytest.mark.alarm("files.deletions", "ring")
def test_a_needed_file_that_was_deleted_is_named_with_who_did_it_until_it_is_back(shelf: Shelf) -> None:
    lost, needed_no_more = shelf.stock("shops/1/a + b%.pdf"), "shops/1/old.pdf"
    events = (TEST_EVENT, notification(shelf.bucket, needed_no_more), bridged(shelf.bucket, lost))
    _, healthy = looked_at(shelf, journal_of(*events))
    shelf.delete(lost)
    report, answer = looked_at(shelf, journal_of(*events))
    as_json = [looked_at(shelf, journal_of(*events, kind=kind))[0].findings for kind in ("json", "jsonb")]
    created = recorded(shelf.bucket, needed_no_more, "CREATE")
    told, told_answer = looked_at(shelf, table_of(recorded(shelf.bucket, lost), created))
    shelf.put(lost)
    _, again = looked_at(shelf, journal_of(*events))

    assert (healthy.outcome, again.outcome) == (Outcome.PASS, Outcome.PASS), (healthy.detail, again.detail)
    assert "2 deletions in the journal" in healthy.detail
    assert answer.outcome is Outcome.FAIL
    assert as_json == [report.findings] * 2
    assert (told_answer.outcome, [each.key for each in told.findings]) == (Outcome.FAIL, [lost]), told_answer.detail
    assert "by 111122223333" in told.findings[0].detail
    (finding,) = report.findings
    assert (finding.key, finding.tenant, finding.kind) == (lost, "1", "missing_restorable")
    assert "by 123456789012" in finding.detail
    assert "printflow files heal --tenant 1 --apply" in finding.action


@pytest.mark.alarm("files.deletions", "unknown")
def test_a_journal_that_stands_still_is_empty_or_unreadable_is_unknown(shelf: Shelf) -> None:
    event = notification(shelf.bucket, "shops/1/old.pdf")
    empty = f"{journal_of(event)} WHERE false"
    of_another = f"{journal_of(event, age='3 hours')} UNION ALL {journal_of(notification('other', 'a.pdf'))}"
    long_ago = f"{journal_of(event)} UNION ALL SELECT -1, NULL, ''"
    for query, said in (
        (journal_of(event, age="3 hours"), "stands still: its newest event came 3 h"),
        (empty, "the journal is empty"),
        (journal_of(event, "no event"), "event 1 of the journal cannot be read"),
        (f"{journal_of(event, event)} UNION ALL SELECT 1, NULL, ''", "1 event of the journal without a time"),
        (journal_of('{"Records": []}'), f"holds no event of bucket {shelf.bucket} within 36 h"),
        (of_another, f"holds no event of bucket {shelf.bucket} since"),
    ):
        _, answer = looked_at(shelf, query)
        assert (answer.outcome, said in answer.detail) == (Outcome.UNKNOWN, True), answer.detail
    quiet = [bucket.model_copy(update={"journal_silence_seconds": 4 * 3600.0}) for bucket in shelf.settings.bucket]
    assert looked_at(shelf, long_ago)[1].outcome is Outcome.PASS
    shelf.changes["bucket"] = tuple(quiet)
    assert looked_at(shelf, of_another)[1].outcome is Outcome.PASS
    del shelf.changes["bucket"]
    lost = shelf.stock("shops/2/c.pdf", tenant="2")
    shelf.delete(lost)
    _, answer = looked_at(shelf, journal_of(notification(shelf.bucket, lost), "no event", age="3 hours"))
    assert answer.outcome is Outcome.FAIL
    assert "stands still" in answer.detail
    with pytest.raises(ConfigError, match='returns no column "event"'):
        looked_at(shelf, "SELECT 1 AS number, now() AS at")
    with pytest.raises(ConfigError, match='returns no column "bucket", "key"'):
        looked_at(shelf, "SELECT 1 AS number, now() AS at, 'DELETE' AS record_type")
    del shelf.changes["journal"]
    with pytest.raises(ConfigError, match=r"there is no \[journal\]"):
        check_deletions(shelf.settings)
