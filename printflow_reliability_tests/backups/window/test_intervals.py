"""The window as intervals: what each kind of evidence makes of it, and that no moment is told twice or left out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import settings as sampling
from hypothesis import strategies as st

from printflow_reliability.backups.window.intervals import Base, Interval, Known, Missing, Proof, State, intervals

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def at(hour: float) -> datetime:
    return BEGIN + timedelta(hours=hour)


def base(hour: float, *, verified: bool = True) -> Base:
    return Base(f"backup-{hour:g}", at(hour), verified)


def known(*windows: tuple[float, float], verified_to: float | None = None, bases: list[Base] | None = None) -> Known:
    return Known(
        windows=[(at(begin), at(end)) for begin, end in windows],
        bases=[base(begin) for begin, _ in windows] if bases is None else bases,
        points=[],
        missing=[],
        verified_to=None if verified_to is None else at(verified_to),
        proofs=[],
        now=at(100),
    )


def told(found: tuple[Interval, ...]) -> list[tuple[float, float, str]]:
    return [
        ((i.begin - BEGIN).total_seconds() / 3600, (i.end - BEGIN).total_seconds() / 3600, str(i.state)) for i in found
    ]


def test_what_was_verified_is_provable_and_what_came_after_is_unknown() -> None:
    found = intervals(known((1, 9), verified_to=6))
    assert told(found) == [(1, 6, "provable"), (6, 9, "unknown")]
    assert found[1].detail == "its WAL was not verified yet"


def test_a_drill_proves_from_the_end_of_its_backup_to_its_moment() -> None:
    found = intervals(replace(known((1, 9), verified_to=6), proofs=[Proof(7, at(2), at(7), at(8))]))
    assert told(found) == [(1, 2, "provable"), (2, 7, "proven"), (7, 9, "unknown")]
    assert (found[1].drill, found[1].proven_at) == (7, at(8))


def test_of_two_drills_over_the_same_moments_the_newer_one_is_named() -> None:
    proofs = [Proof(3, at(1), at(5), at(5)), Proof(9, at(1), at(3), at(50))]
    found = intervals(replace(known((1, 9), verified_to=9), proofs=proofs))
    assert [(interval.drill, told((interval,))[0][:2]) for interval in found] == [
        (9, (1, 3)),
        (3, (3, 5)),
        (None, (5, 9)),
    ]


def test_missing_wal_between_two_windows_is_a_gap_with_its_name() -> None:
    lost = Missing("3 segments on timeline 1: 0A .. 0C missing", at(4), at(6))
    found = intervals(replace(known((1, 4), (6, 9), verified_to=9), missing=[lost]))
    assert told(found) == [(1, 4, "provable"), (4, 6, "gap"), (6, 9, "provable")]
    assert (found[1].detail, found[1].accepted) == (lost.name, False)


def test_a_gap_that_a_person_accepted_says_why() -> None:
    lost = Missing("1 segment missing", at(4), at(6), "the disk of that night")
    found = intervals(replace(known((1, 4), (6, 9), verified_to=9), missing=[lost]))
    assert (found[1].detail, found[1].accepted) == ("1 segment missing (the disk of that night)", True)


def test_after_a_gap_that_no_backup_follows_nothing_can_be_restored_until_now() -> None:
    lost = Missing("1 segment missing", at(4), None)
    found = intervals(replace(known((1, 4), verified_to=9), missing=[lost]))
    assert told(found) == [(1, 4, "provable"), (4, 100, "gap")]
    assert told(intervals(replace(known(), missing=[lost]))) == [(4, 100, "gap")]


def test_old_backups_whose_wal_was_given_up_are_single_moments() -> None:
    found = intervals(replace(known((50, 60), verified_to=99), points=[base(1), base(20, verified=False)]))
    assert told(found) == [
        (1, 1, "provable"),
        (1, 20, "gap"),
        (20, 20, "unknown"),
        (20, 50, "gap"),
        (50, 60, "provable"),
    ]
    assert all(interval.accepted for interval in found if interval.state is State.GAP)


def test_a_window_is_provable_only_from_its_first_verified_backup_on() -> None:
    bases = [base(1, verified=False), base(4)]
    found = intervals(known((1, 9), verified_to=9, bases=bases))
    assert told(found) == [(1, 4, "unknown"), (4, 9, "provable")]
    assert found[0].detail == "no base backup before it was verified"


def test_where_nothing_was_verified_everything_is_unknown() -> None:
    assert told(intervals(known((1, 9), bases=[base(1, verified=False)]))) == [(1, 9, "unknown")]


def test_of_nothing_there_is_no_interval() -> None:
    assert intervals(known()) == ()


@st.composite
def anything_known(draw: st.DrawFn) -> Known:
    marks = sorted(draw(st.lists(st.integers(0, 99), unique=True, max_size=12)))
    windows = list(zip(marks[::2], marks[1::2], strict=False))
    bases = [base(draw(st.integers(begin, end)), verified=draw(st.booleans())) for begin, end in windows]
    bases += [base(begin, verified=draw(st.booleans())) for begin, _ in windows]
    ends = st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted)
    proofs = [Proof(n, at(begin), at(end), at(end)) for n, (begin, end) in enumerate(draw(st.lists(ends, max_size=4)))]
    holes = [
        Missing("a hole", at(end), at(begin) if begin is not None else None, draw(st.sampled_from([None, "known"])))
        for (_, end), begin in zip(windows, [*(begin for begin, _ in windows[1:]), None], strict=False)
        if draw(st.booleans())
    ]
    return Known(
        windows=[(at(begin), at(end)) for begin, end in windows],
        bases=bases,
        points=[base(hour, verified=draw(st.booleans())) for hour in draw(st.sets(st.integers(0, 99), max_size=4))],
        missing=holes,
        verified_to=draw(st.one_of(st.none(), st.integers(0, 99).map(at))),
        proofs=proofs,
        now=at(100),
    )


@sampling(deadline=None)
@given(anything_known())
def test_every_moment_of_the_window_has_one_state_and_only_what_is_whole_is_called_restorable(known: Known) -> None:
    found = intervals(known)
    assert all(before.end == after.begin for before, after in pairwise(found))
    assert all(interval.begin <= interval.end for interval in found)
    for interval in found:
        inside = any(begin <= interval.begin and interval.end <= end for begin, end in known.windows)
        point = interval.begin == interval.end and any(base.finished_at == interval.begin for base in known.points)
        assert (interval.state is State.GAP) == (not (inside or point))
        if interval.state is State.PROVABLE:
            assert known.verified_to is not None
            assert interval.end <= known.verified_to
        if interval.state is State.PROVEN:
            assert any(proof.begin <= interval.begin and interval.end <= proof.end for proof in known.proofs)
