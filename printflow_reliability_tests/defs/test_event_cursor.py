"""The cursor over the event log: each event is handled once, also one that appears behind the newest."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.defs.event_cursor import SETTLED, EventCursor

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def record(number: int, age: timedelta) -> dg.EventLogRecord:
    entry = dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None, level=20, user_message="", run_id="r", timestamp=(NOW - age).timestamp(), dagster_event=None
    )
    return dg.EventLogRecord(storage_id=number, event_log_entry=entry)


def test_an_event_that_appears_behind_the_newest_is_handled() -> None:
    late, newest = record(1, timedelta(seconds=2)), record(2, timedelta(seconds=1))
    first = EventCursor(0)
    second = EventCursor.parse(first.past([newest], NOW).write())

    assert first.new([newest]) == [newest]
    assert second.new([late, newest]) == [late]


def test_what_is_old_is_left_behind() -> None:
    cursor = EventCursor(0).past([record(1, SETTLED * 2), record(2, SETTLED * 3), record(5, SETTLED / 2)], NOW)

    assert cursor == EventCursor(2, (5,))


def test_a_cursor_of_an_earlier_release_is_understood() -> None:
    assert EventCursor.parse("17") == EventCursor(17)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 50)), max_size=30), st.integers(0, 59))
def test_whatever_order_events_appear_in_each_is_handled_once(events: list[tuple[int, int]], delay: int) -> None:
    """Events begin at a second, get an id in that order, and appear up to a minute later."""
    written = [(second, second + min(lag, delay), number) for number, (second, lag) in enumerate(sorted(events), 1)]
    cursor, handled = EventCursor(0), []
    for second in range(0, 400, 7):
        now = NOW + timedelta(seconds=second)
        visible = [
            record(number, NOW - (NOW + timedelta(seconds=began)))
            for began, appeared, number in written
            if appeared <= second and number > cursor.after
        ]
        handled += [event.storage_id for event in cursor.new(visible)]
        cursor = cursor.past(visible, now)

    assert sorted(handled) == [number for _, _, number in written]
