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


def test_the_segment_size_is_left_open_where_names_alone_do_not_tell_it() -> None:
    within_one_log = [Segment(1, number).name(64 * MB) for number in range(10, 20)]
    of_64_mb = [Segment(1, number).name(64 * MB) for number in range(60, 70)]
    of_16_mb = [Segment(1, number).name(16 * MB) for number in range(250, 260)]

    assert known_segment_bytes(within_one_log) == 16 * MB
    assert known_segment_bytes(of_64_mb) is None
    assert known_segment_bytes(of_16_mb) == 16 * MB
