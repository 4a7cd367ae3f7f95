from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.backups.continuity import Acknowledged, Gap, SegmentRange, split, verify_continuity
from printflow_reliability.backups.segment import Segment
from printflow_reliability.backups.timeline import Switch, TimelineSpan, lineage
from printflow_reliability_tests.backups.archives import at, backup, folder, timeline

MB = 1024**2
SIZE = 16 * MB
ONE_TIMELINE = (TimelineSpan(1, 0),)


def switched_at(number: int) -> tuple[TimelineSpan, ...]:
    """Timeline 2 left timeline 1 in the middle of this segment."""
    return lineage(2, {2: (Switch(1, number * SIZE + 4000),)}, SIZE)


def test_an_archive_without_gaps_is_whole_and_recoverable_from_the_oldest_backup() -> None:
    found = verify_continuity(folder(timeline(1, 1, 300)), [backup(3, 4), backup(100, 101)], ONE_TIMELINE, SIZE)

    assert found.gaps == ()
    assert found.segments_checked == 298
    assert found.recoverable_from == at(4)
    assert found.recoverable_to == at(300)


@given(st.data(), st.sampled_from([MB, 16 * MB, 64 * MB, 1024 * MB]))
def test_any_missing_segment_is_exactly_that_gap(data: st.DataObject, size: int) -> None:
    last = data.draw(st.integers(20, 400))
    removed = data.draw(st.integers(5, last))
    segments = [segment for segment in timeline(1, 1, last) if segment.number != removed]

    found = verify_continuity(
        folder(segments, size), [backup(5, 6, size=size)], ONE_TIMELINE, size, archived_to=Segment(1, last)
    )

    name = Segment(1, removed).name(size)
    assert [(gap.first, gap.last, gap.count) for gap in found.gaps] == [(name, name, 1)]
    assert found.segments_checked == last - 5


@given(st.integers(2, 30), st.integers(1, 60), st.data())
def test_any_missing_segments_over_a_promotion_are_exactly_those_gaps(
    switch: int, length: int, data: st.DataObject
) -> None:
    last = switch + length
    there = [*timeline(1, 1, switch - 1), *timeline(2, switch, last)]
    removed = set(data.draw(st.lists(st.sampled_from(there), unique=True, max_size=len(there) - 1)))

    found = verify_continuity(
        folder([segment for segment in there if segment not in removed]),
        [backup(1, 1)],
        switched_at(switch),
        SIZE,
        archived_to=Segment(2, last),
    )

    named = {
        Segment(gap.timeline, number)
        for gap in found.gaps
        for number in range(int(gap.first[-8:], 16), int(gap.last[-8:], 16) + 1)
    }
    assert named == removed
    assert sum(gap.count for gap in found.gaps) == len(removed)


def test_a_missing_segment_between_two_backups_is_a_gap_that_ends_with_the_second() -> None:
    segments = [segment for segment in timeline(1, 1, 50) if segment.number not in (20, 21, 22)]

    found = verify_continuity(folder(segments), [backup(3, 4), backup(40, 41)], ONE_TIMELINE, SIZE)

    assert found.gaps == (
        Gap(1, "000000010000000000000014", "000000010000000000000016", 3, None, before=at(19), after=at(41)),
    )
    assert found.recoverable_from == at(41)
    assert found.unusable_backups == ()


def test_after_the_only_gap_nothing_can_be_recovered_without_a_backup() -> None:
    segments = [segment for segment in timeline(1, 1, 50) if segment.number != 20]

    found = verify_continuity(folder(segments), [backup(3, 4)], ONE_TIMELINE, SIZE)

    assert found.gaps[0].after is None
    assert found.recoverable_from is None
    assert found.recoverable_to is None


def test_wal_that_is_older_than_every_backup_is_nobodys_gap() -> None:
    found = verify_continuity(folder([Segment(1, 1), *timeline(1, 9, 30)]), [backup(9, 10)], ONE_TIMELINE, SIZE)

    assert found.gaps == ()


def test_a_backup_that_lacks_its_own_wal_is_unusable() -> None:
    segments = [segment for segment in timeline(1, 1, 50) if segment.number != 21]

    found = verify_continuity(folder(segments), [backup(20, 21), backup(30, 31)], ONE_TIMELINE, SIZE)

    assert found.unusable_backups == ("backup-1-20",)
    assert found.recoverable_from == at(31)


def test_an_archive_that_is_gone_is_one_gap() -> None:
    found = verify_continuity(folder([]), [backup(20, 21), backup(30, 31)], ONE_TIMELINE, SIZE)

    assert [(gap.first[-2:], gap.last[-2:]) for gap in found.gaps] == [("14", "1F")]
    assert found.unusable_backups == ("backup-1-20", "backup-1-30")


def test_the_newest_segments_are_missed_because_production_called_them_archived() -> None:
    segments = timeline(1, 1, 30)

    assert verify_continuity(folder(segments), [backup(3, 4)], ONE_TIMELINE, SIZE).gaps == ()
    found = verify_continuity(folder(segments), [backup(3, 4)], ONE_TIMELINE, SIZE, archived_to=Segment(1, 32))
    assert [(gap.first[-2:], gap.last[-2:]) for gap in found.gaps] == [("1F", "20")]


def test_segments_that_overtake_each_other_on_their_way_are_no_gap() -> None:
    found = verify_continuity(
        folder([*timeline(1, 1, 30), Segment(1, 32)]), [backup(3, 4)], ONE_TIMELINE, SIZE, archived_to=Segment(1, 30)
    )

    assert found.gaps == ()


def test_the_segment_of_a_promotion_belongs_to_the_new_timeline() -> None:
    segments = [*timeline(1, 1, 9), *timeline(2, 11, 15)]

    found = verify_continuity(folder(segments), [backup(3, 4)], switched_at(10), SIZE)

    assert [(gap.timeline, gap.first) for gap in found.gaps] == [(2, Segment(2, 10).name(SIZE))]


def test_a_backup_of_a_timeline_that_was_left_needs_its_own_wal_only() -> None:
    segments = [*timeline(1, 1, 9), *timeline(2, 10, 20), *timeline(1, 12, 13)]

    found = verify_continuity(folder(segments), [backup(3, 4), backup(12, 13)], switched_at(10), SIZE)

    assert found.gaps == ()
    assert found.recoverable_from == at(4)


def test_a_segment_stored_twice_with_different_contents_is_damage() -> None:
    found = verify_continuity(folder(timeline(1, 1, 9), twice=[Segment(1, 5)]), [backup(3, 4)], ONE_TIMELINE, SIZE)

    assert found.damaged == ("000000010000000000000005 is stored 2 times with different contents",)


def test_a_backup_that_met_bad_pages_recovers_nothing() -> None:
    found = verify_continuity(folder(timeline(1, 1, 30)), [backup(3, 4, error=True), backup(8, 9)], ONE_TIMELINE, SIZE)

    assert found.recoverable_from == at(9)


def test_an_acknowledged_gap_is_shown_with_its_reason() -> None:
    segments = [segment for segment in timeline(1, 1, 50) if segment.number not in (20, 21)]
    accepted = [Acknowledged(SegmentRange(1, 20, 21), "the disk of that night")]

    found = verify_continuity(
        folder(segments), [backup(3, 4), backup(30, 31)], ONE_TIMELINE, SIZE, acknowledged=accepted
    )

    assert [(gap.count, gap.acknowledged) for gap in found.gaps] == [(2, "the disk of that night")]
    assert found.recoverable_from == at(31)


def test_what_grew_beyond_an_acknowledgement_is_a_gap_again() -> None:
    accepted = [Acknowledged(SegmentRange(1, 20, 21), "known")]

    assert split(SegmentRange(1, 19, 23), accepted) == [
        (SegmentRange(1, 19, 19), None),
        (SegmentRange(1, 20, 21), "known"),
        (SegmentRange(1, 22, 23), None),
    ]


@given(
    st.integers(0, 50),
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(1, 2), st.integers(0, 60), st.integers(0, 20)), max_size=5),
)
def test_acknowledging_neither_loses_nor_adds_a_segment(
    first: int, length: int, ranges: list[tuple[int, int, int]]
) -> None:
    gap = SegmentRange(1, first, first + length)
    accepted = [Acknowledged(SegmentRange(line, begin, begin + more), "r") for line, begin, more in ranges]

    pieces = split(gap, accepted)

    covered = [number for piece, _ in pieces for number in range(piece.first, piece.last + 1)]
    assert covered == list(range(gap.first, gap.last + 1))
    for piece, reason in pieces:
        for number in range(piece.first, piece.last + 1):
            inside = any(
                acknowledged.segments.timeline == 1
                and acknowledged.segments.first <= number <= acknowledged.segments.last
                for acknowledged in accepted
            )
            assert inside == (reason is not None)


def test_the_windows_are_what_lies_between_gaps() -> None:
    segments = [segment for segment in timeline(1, 1, 50) if segment.number not in (20, 40)]

    found = verify_continuity(folder(segments), [backup(3, 4), backup(8, 9), backup(30, 31)], ONE_TIMELINE, SIZE)

    assert found.windows == ((at(4), at(19)), (at(31), at(39)))
    assert found.recoverable_to is None


@given(st.sets(st.integers(5, 60), max_size=6), st.lists(st.integers(5, 55), min_size=1, max_size=4, unique=True))
def test_no_window_spans_a_gap_and_the_last_one_reaches_what_is_recoverable(
    missing: set[int], starts: list[int]
) -> None:
    segments = [segment for segment in timeline(1, 1, 60) if segment.number not in missing]
    backups = [backup(start, start + 1) for start in starts]

    found = verify_continuity(folder(segments), backups, ONE_TIMELINE, SIZE, archived_to=Segment(1, 60))

    for first, last in found.windows:
        assert first <= last
        assert not [number for number in missing if first < at(number) <= last]
    if found.recoverable_to is not None:
        assert found.windows[-1] == (found.recoverable_from, found.recoverable_to)


def test_wal_that_retention_gave_up_is_no_gap_and_older_backups_reach_their_own_end() -> None:
    """Two days of segments, one a minute; WAL is kept for half a day before the newest backup."""
    backups = [backup(10, 11), backup(1000, 1001), backup(2000, 2001), backup(2800, 2801)]
    segments = [*timeline(1, 10, 11), *timeline(1, 1000, 1001), *timeline(1, 2000, 2880)]

    found = verify_continuity(folder(segments), backups, ONE_TIMELINE, SIZE, wal_days=0.5)

    assert found.gaps == ()
    assert found.windows == ((at(2001), at(2880)),)
    assert found.points == tuple(backups[:2])
    assert found.bases == tuple(backups[2:])


@given(st.sets(st.integers(2, 400), max_size=12), st.integers(1, 400), st.floats(0.01, 0.3))
def test_what_is_missing_within_the_days_is_a_gap_whatever_is_given_up_before(
    begins: set[int], removed: int, days: float
) -> None:
    backups = [backup(begin, begin + 1) for begin in sorted({1, *begins})]
    segments = [segment for segment in timeline(1, 1, 450) if segment.number != removed]

    found = verify_continuity(folder(segments), backups, ONE_TIMELINE, SIZE, wal_days=days)

    limit = backups[-1].finished_at - timedelta(days=days)
    old_enough = [begin for begin in begins | {1} if at(begin + 1) <= limit]
    own = bool({removed, removed - 1} & (begins | {1}))
    assert bool(found.gaps) == (removed >= max(old_enough, default=1) or own)
