from pathlib import Path

import pytest

from printflow_reliability.backups.archive import parse_archive
from printflow_reliability.backups.continuity import verify_continuity
from printflow_reliability.backups.info import parse_info
from printflow_reliability.backups.listing import parse_listing
from printflow_reliability.backups.segment import DEFAULT_SEGMENT_BYTES
from printflow_reliability.backups.timeline import Switch, lineage, parse_history
from printflow_reliability.errors import CouldNotTell

RESOURCES = Path(__file__).parent / "resources"
HISTORY = "1\t0/E0000A0\tno recovery target specified\n"


def recorded() -> str:
    return (RESOURCES / "archive_two_timelines.json").read_text()


def test_a_recorded_archive_has_its_segments_and_its_history() -> None:
    archive = parse_archive(parse_listing(recorded()))

    assert set(archive) == {"15-1"}
    assert archive["15-1"].histories == {2: "15-1/00000002.history"}
    assert len(archive["15-1"].segments) == 14
    assert "00000001000000000000000E" not in archive["15-1"].segments  # stored as .partial only


def test_a_recorded_archive_is_whole_over_its_promotion() -> None:
    archive = parse_archive(parse_listing(recorded()))["15-1"]
    info = parse_info((RESOURCES / "info_two_timelines.json").read_text(), "lab")
    history = lineage(2, {2: parse_history(HISTORY)}, DEFAULT_SEGMENT_BYTES)

    found = verify_continuity(archive, info.in_repository(1), history, DEFAULT_SEGMENT_BYTES)

    assert found.gaps == ()
    assert found.segments_checked == 12
    assert found.recoverable_from == info.in_repository(1)[0].finished_at


def test_the_same_segment_compressed_in_two_ways_is_one_segment() -> None:
    files = parse_listing(recorded().replace("15-1/00000002.history", "15-1/0000000100000000/" + doubled(".gz")))

    archive = parse_archive(files)["15-1"]

    assert len(archive.segments["000000010000000000000006"].sha1) == 1


def doubled(extension: str) -> str:
    return "000000010000000000000006-55d8a957b6d614737bcdd2e6073aa4047c0f33d8" + extension


def test_a_history_names_where_each_timeline_was_left() -> None:
    assert parse_history("# a comment\n1\t0/E0000A0\tno recovery target\n\n2\t1/0\tbefore 2026\n") == (
        Switch(1, 0xE0000A0),
        Switch(2, 2**32),
    )


@pytest.mark.parametrize("text", ["nonsense", "1\tnowhere\t", "x\t0/1\t"])
def test_what_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"timeline history|LSN|invalid literal"):
        parse_history(text)


def test_a_timeline_without_its_history_cannot_be_judged() -> None:
    with pytest.raises(CouldNotTell, match="history of timeline 3"):
        lineage(3, {}, DEFAULT_SEGMENT_BYTES)


@pytest.mark.parametrize("text", ["", "ERROR: [049]", "[]", '{"a": {"type": "file"}}'])
def test_a_listing_that_is_none_is_unknown(text: str) -> None:
    with pytest.raises(CouldNotTell):
        parse_listing(text)
