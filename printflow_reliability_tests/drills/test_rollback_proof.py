"""What drill.rollback says of the files that a rollback would bring back, or would not."""

from collections.abc import Sequence

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.validation.rollback_proof import Proven, judge
from printflow_reliability.drills.validation.scratch import Tried
from printflow_reliability.findings import Finding, Severity

FINDING = Finding(kind="overwritten", severity=Severity.WARNING, detail="", action="", bucket="files", key="a.pdf")
BACK, NEWER = Proven(back=True), Proven()
ARCHIVED = Proven(there=True, why="its version of then lies in GLACIER and must be retrieved first")
GONE = Proven(there=False, why="it was not there at that moment")
ERASED = Proven(there=False, why="it was erased on purpose (erasure 3, ada: asked for)", erased=True)


@pytest.mark.parametrize(
    ("proven", "lost", "without", "outcome", "said"),
    [
        ([], 0, [], Outcome.PASS, "52 references: a rollback would bring back 0 files"),
        ([BACK, NEWER], 0, [], Outcome.PASS, "would bring back 1 file and leave the others"),
        ([BACK, GONE], 0, [], Outcome.FAIL, "1 file would still be missing (a.pdf: it was not there"),
        ([BACK], 2, [], Outcome.FAIL, "2 files have no version at all"),
        (
            [BACK, ARCHIVED],
            0,
            [],
            Outcome.FAIL,
            "would not be that of then (a.pdf: its version of then lies",
        ),
        ([ERASED], 0, [], Outcome.PASS, "1 file stays erased (a.pdf: it was erased on purpose (erasure 3"),
        ([], 0, ["files"], Outcome.WARN, "bucket files keeps no versions"),
        ([GONE], 0, ["others"], Outcome.FAIL, "bucket others keeps no versions"),
    ],
)
def test_every_file_of_then_must_come_back(
    proven: Sequence[Proven], lost: int, without: Sequence[str], outcome: Outcome, said: str
) -> None:
    result = judge([(FINDING, each) for each in proven], 52, lost, without)
    assert (result.outcome, said in result.detail) == (outcome, True), result.detail
    assert result.numbers["rollback_files"] == proven.count(BACK)


@pytest.mark.parametrize(
    ("tried", "outcome", "said"),
    [
        (Tried(5), Outcome.PASS, "5 files copied into the scratch bucket and read back the same"),
        (Tried(4, ("a.pdf: its copy reads back differently",)), Outcome.FAIL, "not the same: a.pdf"),
        (Tried(4, (), ("a.pdf: bucket files answered 403",)), Outcome.UNKNOWN, "not to be told: a.pdf"),
        (None, Outcome.PASS, "planned only"),
    ],
)
def test_copies_that_were_tried_must_read_back_the_same(tried: Tried | None, outcome: Outcome, said: str) -> None:
    result = judge([(FINDING, BACK)], 52, 0, [], tried)
    assert (result.outcome, said in result.detail) == (outcome, True), result.detail
