"""When two snapshots prove that nothing happened between them."""

from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import cast

import pytest

from printflow_reliability.drills.fences.moment import find_moment
from printflow_reliability.drills.fences.side import RestorePoint, Side
from printflow_reliability.drills.fences.snapshot import Snapshot, nothing_between, whole_id


@pytest.mark.parametrize(
    ("text", "quiet"),
    [("740:740:", True), ("740:742:740", False), ("740:741:740", False), ("738:740:738,739", False)],
)
def test_a_snapshot_is_quiet_when_no_transaction_is_in_progress(text: str, quiet: bool) -> None:
    assert Snapshot.parse(text).quiet is quiet


@pytest.mark.parametrize("text", ["740:740:", "738:740:738,739"])
def test_equal_snapshots_see_one_state(text: str) -> None:
    before = Snapshot.parse(text)
    assert nothing_between(before, [Snapshot.parse(text), Snapshot.parse(text)])


@pytest.mark.parametrize("after", ["741:741:", "740:741:740", "740:742:741"])
def test_a_transaction_that_began_or_ended_in_between_is_noticed_in_any_database(after: str) -> None:
    before = Snapshot.parse("740:740:")
    assert not nothing_between(before, [Snapshot.parse("740:740:"), Snapshot.parse(after)])


def test_a_transaction_in_progress_before_the_restore_point_may_have_committed_after_it() -> None:
    assert not nothing_between(Snapshot.parse("739:740:739"), [Snapshot.parse("740:740:")])


@pytest.mark.parametrize(
    ("short", "near", "whole"),
    [(740, 745, 740), (746, 745, 746), (2**32 - 3, 2**32 + 5, 2**32 - 3), (7, 2**33 - 2, 2**33 + 7)],
)
def test_a_transaction_id_is_made_whole_by_one_near_it(short: int, near: int, whole: int) -> None:
    assert whole_id(short, near) == whole


def test_where_commits_never_pause_the_restore_point_is_kept_and_the_moment_is_not_exact() -> None:
    """Every look at this cluster shows another snapshot, as one with more commits than looks does."""
    ids = count(740)

    def next_snapshot() -> Snapshot:
        number = next(ids)
        return Snapshot(number, number, frozenset())

    restless = SimpleNamespace(
        state=lambda: (next_snapshot(), ()),
        restore_point=lambda _: RestorePoint("0/5000148", "5", datetime(2026, 11, 2, tzinfo=UTC)),
        open_snapshots=lambda: [next_snapshot()],
        close_snapshots=lambda: None,
    )
    moment = find_moment([cast("Side", restless)], "test", 0.1)
    assert not moment.exact
    assert [point.lsn for point in moment.points] == ["0/5000148"]
    assert list(moment.open_transactions) == [()]
