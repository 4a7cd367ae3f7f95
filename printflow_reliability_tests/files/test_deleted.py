"""What may be brought back without a person, judged by what is known: nothing that could be meant otherwise."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.files.deleted import Deleted, Left, Policy, Why
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.healing_report import HealingReport
from printflow_reliability.platform.catalog import Reference
from printflow_reliability.records.file_heals import Candidate, LedgerEntry, Unjudged
from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.objects import Version

NOW = datetime(2026, 11, 2, 3, tzinfo=UTC)
BUCKET = BucketSettings(name="files", bucket="files")
POLICY = Policy(NOW, after=timedelta(hours=1), retention=timedelta(days=90))
ROW = Reference("a.png", 0, "1", "order 7", "files", 10, None, False, None, None)
MARKER = Version("m", "", 0, NOW - timedelta(hours=2), delete_marker=True)
GOOD = Version("v", "e", 10, NOW - timedelta(days=3))
WHOLE = {"v": LedgerEntry("e", "ab" * 32, "good")}


def judged(
    *,
    rows: Sequence[Reference] = (ROW,),
    history: Sequence[Version] = (MARKER, GOOD),
    ledger: Mapping[str, LedgerEntry] | None = None,
    healed_at: datetime | None = None,
) -> Deleted | Left:
    return POLICY.judge(BUCKET, rows, history, ledger or {}, healed_at)


def why(**known: object) -> Why:
    left = judged(**known)  # type: ignore[arg-type]
    assert isinstance(left, Left), left
    return left.why


def test_a_marker_over_the_version_that_the_row_or_the_ledger_knows_is_undone() -> None:
    by_size, by_both = judged(), judged(ledger=WHOLE)
    assert isinstance(by_size, Deleted)
    assert (by_size.copy.version_id, by_size.proven) == ("v", True)
    assert isinstance(by_both, Deleted)
    assert not by_both.proven, "only its bytes tell whether it has the ledger's checksum"
    by_ledger = judged(rows=[ROW._replace(size=None)], ledger=WHOLE)
    assert isinstance(by_ledger, Deleted)
    assert isinstance(judged(history=(MARKER, MARKER, GOOD)), Deleted)


def test_what_could_be_meant_otherwise_is_left() -> None:
    young = replace(MARKER, modified_at=NOW - timedelta(minutes=59))
    ahead = replace(MARKER, modified_at=NOW + timedelta(hours=5))
    assert why(history=(young, GOOD)) is Why.YOUNG
    assert why(history=(ahead, GOOD)) is Why.YOUNG, "a store whose clock went back has deleted nothing long ago"
    assert why(history=(MARKER, replace(GOOD, modified_at=NOW - timedelta(days=91)))) is Why.OLD
    assert why(rows=[ROW._replace(size=None)]) is Why.UNPROVEN
    assert why(rows=[ROW._replace(size=9)]) is Why.UNPROVEN
    assert why(ledger={"v": LedgerEntry("e", "ab" * 32, "unusable")}) is Why.UNPROVEN
    assert why(rows=[ROW._replace(size=None)], ledger={"v": LedgerEntry("another", "", "good")}) is Why.UNPROVEN
    # Nobody goes further back than the newest version, however well an older one fits.
    assert why(history=(MARKER, replace(GOOD, size=3), GOOD)) is Why.UNPROVEN
    assert why(rows=[ROW._replace(soft_deleted=True)]) is Why.UNREFERENCED
    assert why(rows=[]) is Why.UNREFERENCED
    assert why(history=(GOOD,)) is Why.THERE
    assert why(history=()) is Why.OTHERWISE
    assert why(history=(MARKER,)) is Why.OTHERWISE
    assert why(healed_at=NOW - timedelta(days=1)) is Why.AGAIN


def report(*reasons: Why, beyond: int = 0, healed: int = 0) -> HealingReport:
    made = HealingReport(applied=True, beyond_bound=beyond)
    for reason in reasons:
        made.leave(Candidate("files", f"{reason}.png", "1", "order 7"), Left(reason, "why"))
    action = HealAction(HealStatus.HEALED, "files", "b.png", "1", "order 8", "back")
    made.brought_back += [action] * healed
    return made


@pytest.mark.parametrize(
    ("made", "outcome", "said"),
    [
        (report(), Outcome.PASS, "0 files brought back"),
        (report(Why.YOUNG, Why.ERASED, healed=2), Outcome.PASS, "2 files brought back (b.png and 1 more); left to a"),
        (report(beyond=7, healed=1), Outcome.WARN, "7 left by files.heal_at_most, for the next pass"),
        (report(Why.UNJUDGED, beyond=7), Outcome.UNKNOWN, "not judged: unjudged.png (why). Next: remove the cause"),
        (report(Why.UNJUDGED, Why.AGAIN), Outcome.FAIL, "deleted again after it was brought back: deleted_again.png"),
        (report(Why.FAILED, Why.FAILED), Outcome.FAIL, "not brought back: failed.png (why) and 1 more. Next: remove"),
    ],
)
def test_what_a_turn_of_the_policy_says(made: HealingReport, outcome: Outcome, said: str) -> None:
    assert made.check.outcome is outcome
    assert said in made.check.detail


def test_what_pages_is_named_however_much_else_is_left() -> None:
    made = report(*[Why.OLD] * 300, Why.AGAIN)
    assert made.reasons == Counter({Why.OLD: 300, Why.AGAIN: 1})
    assert "printflow files heal --key deleted_again.png --apply" in made.check.detail
    assert len(made.as_json()["left"]) == 100


def test_what_a_pass_concluded_nothing_of_concerns_its_own_tenant_and_bucket() -> None:
    assert Unjudged("files", "1", "").concerns("files", "1")
    assert not Unjudged("files", "1", "").concerns("files", "2")
    assert not Unjudged("archive", None, "").concerns("files", "1")
    assert Unjudged("files", None, "").concerns("files", "2")
    assert Unjudged("files", "1", "").concerns("files", None), "whose file that is, is not known"
