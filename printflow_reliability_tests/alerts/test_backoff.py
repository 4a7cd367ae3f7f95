"""How long a route is left alone: by its own wish, and by what it answered."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.alerts.backoff import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, retry_seconds
from printflow_reliability.alerts.routes.answer import refused, retry_after
from printflow_reliability.posting import Reply

NOW = datetime(2026, 10, 21, 7, 27, 30, tzinfo=UTC)


@given(st.integers(0, 10_000), st.integers(), st.none() | st.floats(0, 1e9))
def test_waiting_grows_and_never_beyond_the_limit(attempts: int, seed: int, wanted: float | None) -> None:
    wait = retry_seconds(attempts, random.Random(seed), wanted)

    assert FIRST_RETRY_SECONDS / 2 <= wait <= LONGEST_RETRY_SECONDS
    assert wait >= min(wanted or 0, LONGEST_RETRY_SECONDS)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 09:28:00 +0200", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 -0000", 30.0),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٧", None),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_how_long_a_route_wants_to_be_left_alone_is_heard(asked: str, wanted: float | None) -> None:
    refusal = refused("pager", Reply(429, {"retry-after": asked}, ""), NOW)

    assert refusal is not None
    assert refusal.retry_after == wanted
    assert refusal.stops


@given(st.text() | st.integers().map(str))
def test_whatever_a_route_asks_for_ends_within_the_limit(asked: str) -> None:
    assert 0 <= retry_seconds(0, random.Random(1), retry_after(asked, NOW)) <= LONGEST_RETRY_SECONDS


@given(st.integers(-100_000, 100_000))
def test_a_date_is_as_good_as_its_seconds(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)

    assert retry_after(date, NOW) == max(seconds, 0)


@pytest.mark.parametrize(
    ("status", "headers", "stops", "blames"),
    [
        (400, {}, False, True),
        (413, {}, False, True),
        (500, {}, False, True),
        (503, {}, False, True),
        (503, {"retry-after": "3"}, True, False),
        (401, {}, True, False),
        (404, {}, True, False),
        (429, {}, True, False),
        (307, {}, True, False),
    ],
)
def test_what_is_about_the_route_stops_it_and_what_is_about_the_alert_does_not(
    status: int, headers: dict[str, str], stops: bool, blames: bool
) -> None:
    refusal = refused("pager", Reply(status, headers, ""), NOW)

    assert refusal is not None
    assert (refusal.stops, refusal.blames) == (stops, blames)
