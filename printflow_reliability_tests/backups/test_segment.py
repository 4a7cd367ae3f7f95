import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.backups.segment import Segment, known_segment_bytes, parse_lsn, parse_segment

MB = 1024**2
SIZES = st.sampled_from([MB * 2**power for power in range(11)])


@pytest.mark.parametrize(
    ("size", "last_of_a_log"), [(16 * MB, "000000FF"), (64 * MB, "0000003F"), (1024 * MB, "00000003"), (MB, "00000FFF")]
)
def test_names_roll_over_where_four_gigabytes_are_full(size: int, last_of_a_log: str) -> None:
    last = parse_segment(f"0000000100000007{last_of_a_log}", size)

    assert Segment(1, last.number + 1).name(size) == "000000010000000800000000"


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**32), SIZES)
def test_a_segment_is_the_one_its_name_says(timeline: int, number: int, size: int) -> None:
    assert parse_segment(Segment(timeline, number).name(size), size) == Segment(timeline, number)


@pytest.mark.parametrize(
    "name", ["", "00000001000000000000000", "00000001000000000000000g", "000000010000000000000100"]
)
def test_what_no_segment_of_this_size_is_called_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="segment"):
        parse_segment(name, 16 * MB)


def test_an_lsn_is_a_position_in_bytes() -> None:
    assert parse_lsn("2/5A000148") == 2 * 2**32 + 0x5A000148
    with pytest.raises(ValueError, match="LSN"):
        parse_lsn("5A000148")


@given(SIZES, st.lists(st.integers(1, 2**40), min_size=1, max_size=4))
def test_a_backups_positions_tell_the_segment_size_or_leave_it_open(size: int, positions: list[int]) -> None:
    named = [(Segment(1, at // size).name(size), f"{at >> 32:X}/{at % 2**32:X}") for at in positions]

    assert known_segment_bytes(named) in (size, None)


@given(SIZES, st.integers(1, 2**32 // (1024 * MB) - 1), st.integers(0, 2**20))
def test_beyond_the_first_segment_of_a_log_one_position_is_enough(size: int, within: int, at: int) -> None:
    lsn = 7 * 2**32 + within * size + max(1, at % size)

    assert known_segment_bytes([(Segment(1, lsn // size).name(size), f"{lsn >> 32:X}/{lsn % 2**32:X}")]) == size


def test_a_backup_that_ends_with_a_segment_still_tells_its_size() -> None:
    assert known_segment_bytes([("000000010000000000000007", "0/8000000")]) == 16 * MB


def test_where_positions_leave_the_size_open_other_names_may_decide() -> None:
    first_of_a_log = [("000000010000000700000000", "7/28")]

    assert known_segment_bytes(first_of_a_log) is None
    assert known_segment_bytes(first_of_a_log, ["000000010000000700000FFF"]) == MB
    assert known_segment_bytes([], ["000000010000000000000003"]) is None
