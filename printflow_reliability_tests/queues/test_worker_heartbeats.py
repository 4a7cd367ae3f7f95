"""A heartbeat is a time that was, or a key that soon ends: nothing else says that a worker lives."""

import pytest

from printflow_reliability.queues.heartbeats import key_heartbeat
from printflow_reliability.settings import WorkerSettings

NOW = 1_795_956_778.25
WORKER = WorkerSettings(name="scheduler", redis="main", key="beat", max_age_seconds=120)
ENDLESS, GONE, SOON, LATE = -1, -2, 60_000, 3_600_000


@pytest.mark.parametrize(
    ("value", "left", "age"),
    [
        (b"1795956773.25", ENDLESS, 5.0),
        (b"1795956773250", ENDLESS, 5.0),
        (b"1795956278.25", SOON, 500.0),
        (b"1795956788.25", ENDLESS, 0.0),  # a clock that is ten seconds ahead
        (b"", GONE, None),
        *((value, SOON, 0.0) for value in (b"alive", b"1", b"", b"nan", b"-inf", b"inf", b"1e400", b"\xff\x00", b"-5")),
    ],
)
def test_a_heartbeat_is_a_time_or_a_key_that_ends_soon(value: bytes, left: int, age: float | None) -> None:
    beat = key_heartbeat(WORKER, value, left, NOW)
    assert (beat.seconds, beat.unreadable) == (age, "")


@pytest.mark.parametrize(
    ("value", "left", "told"),
    [
        *(
            (value, ENDLESS, "never ends by itself")
            for value in (b"alive", b"1", b"nan", b"inf", b"-inf", b"2026-11-29")
        ),
        (b"alive", LATE, "ends only in 1 h"),
        (b"1795963978", SOON, "2 h in the future"),
        (b"1795956778250000", ENDLESS, "in the future"),  # microseconds
        (b"9" * 60, ENDLESS, "in the future"),
    ],
)
def test_what_tells_no_time_that_was_is_unknown_and_never_alive(value: bytes, left: int, told: str) -> None:
    beat = key_heartbeat(WORKER, value, left, NOW)
    assert beat.seconds is None
    assert told in beat.unreadable
