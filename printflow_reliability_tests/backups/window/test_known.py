"""From an archive that was walked to the window: what a repository's own times must never hide, or claim."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as sampling
from hypothesis import strategies as st

from printflow_reliability.backups.archive import ArchiveFolder
from printflow_reliability.backups.continuity import Continuity, verify_continuity
from printflow_reliability.backups.info import Backup
from printflow_reliability.backups.repository_wal import RepositoryWal
from printflow_reliability.backups.segment import DEFAULT_SEGMENT_BYTES, Segment
from printflow_reliability.backups.timeline import Switch, TimelineSpan, lineage
from printflow_reliability.backups.verification import Verification
from printflow_reliability.backups.window.intervals import Interval, State, intervals
from printflow_reliability.backups.window.proofs import DrilledCluster
from printflow_reliability.backups.window.verdict import verdict_on_window
from printflow_reliability.backups.window.window import _errors, _known
from printflow_reliability.checks import Outcome
from printflow_reliability_tests.backups.archives import at, backup, folder, timeline

ONE_TIMELINE = (TimelineSpan(1, 0),)
NOW = at(400)
DAY = 86400.0


def walked(archive: ArchiveFolder, backups: Sequence[Backup]) -> Continuity:
    return verify_continuity(archive, backups, ONE_TIMELINE, DEFAULT_SEGMENT_BYTES)


def copied(archive: ArchiveFolder, moment: datetime) -> ArchiveFolder:
    """The same as a tool that copies buckets, or bringing it back, leaves it: every segment was stored just now."""
    return replace(
        archive, segments={name: replace(found, stored_at=moment) for name, found in archive.segments.items()}
    )


def window(walk: Continuity, verified_at: datetime, now: datetime = NOW) -> tuple[Interval, ...]:
    return intervals(_known(walk, verification(walk, verified_at), (), now))


def verification(walk: Continuity, verified_at: datetime) -> Verification:
    return Verification(verified_at, sound=frozenset(backup.label for backup in walk.bases))


def outcome(walk: Continuity, verified_at: datetime) -> Outcome:
    known = verification(walk, verified_at)
    return verdict_on_window("shop", 1, window(walk, verified_at), known, NOW, DAY).outcome


def with_a_gap() -> tuple[ArchiveFolder, list[Backup]]:
    there = [segment for segment in timeline(1, 1, 300) if segment.number not in (100, 101)]
    return folder(there), [backup(3, 4), backup(150, 151)]


def test_a_gap_is_seen_in_a_repository_that_was_copied() -> None:
    archive, backups = with_a_gap()
    walk = walked(copied(archive, at(390)), backups)
    assert State.GAP in {interval.state for interval in window(walk, at(395))}
    assert outcome(walk, at(395)) is Outcome.FAIL


def test_a_repository_that_was_copied_is_whole_where_nothing_is_missing() -> None:
    walk = walked(copied(folder(timeline(1, 1, 300)), at(390)), [backup(3, 4), backup(150, 151)])
    assert [i.state for i in window(walk, at(395))] == [State.PROVABLE]
    assert outcome(walk, at(395)) is Outcome.PASS


@sampling(deadline=None)
@given(st.data())
def test_windows_never_overlap_whenever_segments_were_stored(data: st.DataObject) -> None:
    removed = data.draw(st.sets(st.integers(5, 80), min_size=1, max_size=6))
    archive = folder(segment for segment in timeline(1, 1, 90) if segment.number not in removed)
    late = {name: data.draw(st.integers(0, 500)) for name in archive.segments}
    archive = replace(
        archive,
        segments={
            name: replace(found, stored_at=found.stored_at + timedelta(minutes=late[name]))
            for name, found in archive.segments.items()
        },
    )
    starts = data.draw(st.lists(st.integers(1, 85), min_size=1, max_size=5, unique=True))
    walk = walked(archive, [backup(start, start + 1) for start in starts])
    assert all(before[1] <= after[0] for before, after in pairwise(walk.windows))
    if len(walk.windows) > 1:
        assert any(interval.state is State.GAP for interval in window(walk, at(399)))


def test_wal_that_was_stored_after_the_verification_was_not_read_whenever_it_was_written() -> None:
    """Archiving stood still from segment 60 on, and caught up after the verification had begun."""
    archive = folder(timeline(1, 1, 200))
    stalled = {
        name: replace(found, stored_at=at(250) if int(name[-8:], 16) > 60 else found.stored_at)
        for name, found in archive.segments.items()
    }
    walk = walked(replace(archive, segments=stalled), [backup(3, 4)])
    assert [(i.state, i.begin, i.end) for i in window(walk, at(200))] == [
        (State.PROVABLE, at(4), at(60)),
        (State.UNKNOWN, at(60), at(250)),
    ]


def test_a_database_at_rest_is_provable_to_its_newest_wal() -> None:
    walk = walked(folder(timeline(1, 1, 4)), [backup(3, 4)])
    assert [(i.state, i.begin) for i in window(walk, at(300))] == [(State.PROVABLE, at(4))]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=4000)])
def test_a_verification_from_the_future_vouches_for_nothing(ahead: timedelta) -> None:
    walk = walked(folder(timeline(1, 1, 300)), [backup(3, 4)])
    assert {interval.state for interval in window(walk, NOW + ahead)} == {State.UNKNOWN}
    assert outcome(walk, NOW + ahead) is Outcome.UNKNOWN
    assert outcome(walk, NOW + timedelta(minutes=1)) is Outcome.PASS  # two clocks are never the same


def after_a_recovery() -> Continuity:
    """At 100 production was at segment 100; at 200 it was set back to 60, and went on from there on timeline 2."""
    archive = folder([*timeline(1, 1, 100), *timeline(2, 60, 90)])
    stored = {
        name: replace(found, stored_at=found.stored_at + timedelta(minutes=140)) if name[7] == "2" else found
        for name, found in archive.segments.items()
    }
    history = lineage(2, {2: (Switch(1, 60 * DEFAULT_SEGMENT_BYTES + 4000),)}, DEFAULT_SEGMENT_BYTES)
    backups = [backup(3, 4)]
    return verify_continuity(replace(archive, segments=stored), backups, history, DEFAULT_SEGMENT_BYTES)


@pytest.mark.parametrize(
    ("drilled_at", "proven_to"),
    [(at(110), at(59)), (at(300), at(95))],
    ids=["before production went back", "afterwards"],
)
def test_a_drill_proves_nothing_of_a_timeline_that_was_left(drilled_at: datetime, proven_to: datetime) -> None:
    walk = after_a_recovery()
    proof = DrilledCluster(7, "backup-1-3", at(95), drilled_at)
    known = _known(walk, verification(walk, at(350)), (proof,), NOW)
    proven = [i for i in intervals(known) if i.state is State.PROVEN]
    assert [(i.begin, i.end) for i in proven] == [(at(4), proven_to)]


def test_what_is_wrong_is_told_also_where_it_costs_no_moment() -> None:
    walk = walked(folder(timeline(1, 1, 300)), [backup(3, 4), backup(150, 151, error=True)])
    assert outcome(walk, at(395)) is Outcome.PASS
    assert _errors(RepositoryWal(1, (walk,), own=walk)) == ("base backup backup-1-150 is damaged",)
    walk = walked(*with_a_gap())
    assert "2 segments on timeline 1" in _errors(RepositoryWal(1, (walk,), own=walk))[0]


def test_the_moment_before_a_gap_is_that_of_the_wal_and_not_of_its_copy() -> None:
    archive, backups = with_a_gap()
    (gap,) = walked(copied(archive, at(390)), backups).gaps
    assert gap.first == Segment(1, 100).name(DEFAULT_SEGMENT_BYTES)
    assert gap.before is not None
    assert gap.before <= at(151)
