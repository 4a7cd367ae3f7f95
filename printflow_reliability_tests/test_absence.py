"""How long a server may be away: a short absence is none, and each one is counted anew."""

import pytest

from printflow_reliability.absence import Absence


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moment that it is, in seconds."""
    now = [1000.0]
    monkeypatch.setattr("printflow_reliability.absence.time.monotonic", lambda: now[0])
    return now


def seen(found: Absence, clock: list[float], *after: float) -> list[bool]:
    """What is said each time that the server was not reached, so many seconds after the time before."""
    said = []
    for seconds in after:
        clock[0] += seconds
        said.append(found.not_reached())
    return said


def test_a_server_that_stays_away_is_absent(clock: list[float]) -> None:
    assert seen(Absence(30), clock, 0, 10, 10, 10, 10) == [False, False, False, True, True]


def test_a_server_that_was_reached_meanwhile_is_not(clock: list[float]) -> None:
    found = Absence(30)
    assert seen(found, clock, 0, 20) == [False, False]
    found.reached()
    assert seen(found, clock, 20, 20, 10) == [False, False, True]


def test_what_was_seen_long_ago_says_nothing(clock: list[float]) -> None:
    assert seen(Absence(30), clock, 0, 3600, 20) == [False, False, False]
