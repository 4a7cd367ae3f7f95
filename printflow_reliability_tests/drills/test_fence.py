"""When two snapshots prove that nothing happened between them."""

import pytest

from printflow_reliability.drills.fences.fence import Snapshot, nothing_between


@pytest.mark.parametrize(
    ("text", "quiet"),
    [("740:740:", True), ("740:742:740", False), ("740:741:740", False), ("738:740:738,739", False)],
)
def test_a_snapshot_is_quiet_when_no_transaction_is_in_progress(text: str, quiet: bool) -> None:
    assert Snapshot.parse(text).quiet is quiet


def test_quiet_snapshots_with_the_same_next_transaction_see_one_state() -> None:
    before = Snapshot.parse("740:740:")
    assert nothing_between(before, [Snapshot.parse("740:740:"), Snapshot.parse("740:740:")])


@pytest.mark.parametrize("after", ["741:741:", "740:741:740", "740:742:741"])
def test_a_transaction_that_began_or_ended_in_between_is_noticed_in_any_database(after: str) -> None:
    before = Snapshot.parse("740:740:")
    assert not nothing_between(before, [Snapshot.parse("740:740:"), Snapshot.parse(after)])


def test_a_transaction_in_progress_before_the_restore_point_may_have_committed_after_it() -> None:
    assert not nothing_between(Snapshot.parse("739:740:739"), [Snapshot.parse("740:740:")])
