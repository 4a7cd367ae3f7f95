from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from printflow_reliability.backups.archiver import Archiver, check_lag
from printflow_reliability.backups.segment import Segment
from printflow_reliability.checks import Outcome

NOW = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
HEALTHY = Archiver(
    asked_at=NOW,
    system_identifier=7,
    standby=False,
    archive_mode="on",
    segment_bytes=16 * 1024**2,
    archive_timeout=300,
    current_segment="000000010000000000000010",
    last_archived_wal="00000001000000000000000F",
    last_archived_time=NOW - timedelta(seconds=60),
    failed_count=7,
    last_failed_wal="000000010000000000000009",
    last_failed_time=NOW - timedelta(hours=3),
    waiting_files=0,
    waiting_since=None,
    newest_done="00000001000000000000000F",
)


def outcome(archiver: Archiver) -> Outcome:
    return check_lag("live_db", archiver, max_lag_seconds=600).outcome


def test_a_failure_that_was_overcome_is_past() -> None:
    assert outcome(HEALTHY) is Outcome.PASS
    assert HEALTHY.lag_seconds == 60


def test_archiving_that_fails_now_rings_before_the_lag_is_too_great() -> None:
    assert outcome(replace(HEALTHY, last_failed_time=NOW)) is Outcome.FAIL
    never = replace(HEALTHY, last_archived_wal=None, last_archived_time=None, newest_done=None)
    assert outcome(never) is Outcome.FAIL


def test_a_hanging_archive_command_rings_by_the_age_of_what_waits() -> None:
    hanging = replace(HEALTHY, waiting_files=3, waiting_since=NOW - timedelta(seconds=700))

    assert outcome(hanging) is Outcome.FAIL
    assert hanging.lag_seconds == 700


def test_an_idle_night_is_no_lag_beyond_archive_timeout() -> None:
    idle = replace(HEALTHY, last_archived_time=NOW - timedelta(hours=9), last_failed_time=None)

    assert outcome(idle) is Outcome.PASS
    assert idle.lag_seconds == 300


def test_without_archive_timeout_the_open_segment_may_hold_all_since_the_last() -> None:
    assert outcome(replace(HEALTHY, archive_timeout=0, last_archived_time=NOW - timedelta(hours=2))) is Outcome.FAIL


@pytest.mark.parametrize(
    ("archiver", "expected"),
    [
        (replace(HEALTHY, archive_mode="off"), Outcome.FAIL),
        (replace(HEALTHY, standby=True, current_segment=None), Outcome.UNKNOWN),
        (
            replace(HEALTHY, last_archived_wal=None, last_archived_time=None, newest_done=None, last_failed_time=None),
            Outcome.UNKNOWN,
        ),
    ],
)
def test_where_nothing_is_archived_it_is_never_healthy(archiver: Archiver, expected: Outcome) -> None:
    assert outcome(archiver) is expected


def test_a_backups_label_or_a_history_is_not_taken_for_the_newest_segment() -> None:
    labelled = replace(HEALTHY, last_archived_wal="000000010000000000000003.00000028.backup")

    assert labelled.archived_to == Segment(1, 15)
    assert replace(labelled, newest_done=None).archived_to is None
