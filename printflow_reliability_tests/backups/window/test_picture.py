"""The window as a bar in a terminal, and as SVG."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from printflow_reliability.backups.verification import Verification
from printflow_reliability.backups.window.intervals import Interval, State
from printflow_reliability.backups.window.picture import Row, bar, svg
from printflow_reliability.backups.window.verdict import verdict_on_window
from printflow_reliability.checks import Outcome

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(hours=100)
DAY = 86400.0


def piece(begin: float, end: float, state: State, *, accepted: bool = False) -> Interval:
    first, last = (BEGIN + timedelta(hours=hours) for hours in (begin, end))
    return Interval(first, last, state, "<why> & wherefore", accepted)


WINDOW = (
    piece(0, 50, State.PROVEN),
    piece(50, 50.1, State.GAP),
    piece(50.1, 80, State.PROVABLE),
    piece(80, 100, State.UNKNOWN),
)


def test_the_shortest_gap_is_seen_in_the_bar() -> None:
    assert bar(WINDOW, 20) == "##########!=====????"


def test_a_single_backup_shows_in_a_year_of_accepted_gaps() -> None:
    window = (piece(0, 0, State.PROVABLE), piece(0, 80, State.GAP, accepted=True), piece(80, 100, State.PROVEN))
    assert bar(window, 10) == "=.......##"


@pytest.mark.parametrize("microseconds", [1, 20, 40, 59, 61, 1000])
def test_a_window_of_microseconds_is_drawn_too(microseconds: int) -> None:
    whole, half = (timedelta(microseconds=number) for number in (microseconds, microseconds // 2))
    proven = Interval(BEGIN, BEGIN + half, State.PROVEN, "")
    drawn = bar((proven, Interval(BEGIN + half, BEGIN + whole, State.UNKNOWN, "")), 60)
    assert len(drawn) == 60
    assert set(drawn) <= {"#", "?"}


@pytest.mark.parametrize("window", [(), (piece(3, 3, State.PROVABLE),)], ids=["nothing", "one moment"])
def test_a_window_without_length_is_drawn_too(window: tuple[Interval, ...]) -> None:
    assert bar(window, 4) in ("", "====")
    ElementTree.fromstring(svg([Row("shop repo1", window)]))  # noqa: S314 - our own


def test_the_picture_is_well_formed_and_names_every_interval() -> None:
    drawn = ElementTree.fromstring(svg([Row('a "<shop>" & co', WINDOW), Row("away", ())]))  # noqa: S314 - our own
    titles = [title.text or "" for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert sorted(title.split(":")[0] for title in titles) == ["gap", "provable", "proven", "unknown"]
    assert all("<why> & wherefore" in title for title in titles)
    texts = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert 'a "<shop>" & co' in texts
    assert "could not tell" in texts


def verdict(window: tuple[Interval, ...], verified_at: float | None) -> tuple[Outcome, str]:
    known = None if verified_at is None else Verification(BEGIN + timedelta(hours=verified_at))
    found = verdict_on_window("shop", 2, window, known, NOW, DAY)
    return found.outcome, found.sentence


def test_an_open_gap_fails_and_an_accepted_one_does_not() -> None:
    outcome, said = verdict(WINDOW, 80)
    assert outcome is Outcome.FAIL
    assert "shop repo2: nothing between 2026-11-03 02:00:00 UTC and 2026-11-03 02:06:00 UTC can be restored" in said
    assert "printflow backup run shop --type full" in said
    accepted = (WINDOW[0], piece(50, 50.1, State.GAP, accepted=True), *WINDOW[2:])
    assert verdict(accepted, 80)[0] is Outcome.PASS


def test_what_was_stored_since_the_last_verification_may_wait_and_no_longer_than_allowed() -> None:
    window = (WINDOW[0], piece(50, 80, State.PROVABLE), WINDOW[3])
    assert verdict(window, 80)[0] is Outcome.PASS
    assert verdict(window, 70)[0] is Outcome.UNKNOWN
    assert verdict(window, None) == (
        Outcome.UNKNOWN,
        "shop repo2: its bytes were never verified; printflow backup verify shop",
    )


def test_what_the_verification_passed_over_is_unknown() -> None:
    outcome, said = verdict((piece(0, 40, State.UNKNOWN), piece(40, 100, State.PROVEN)), 90)
    assert (outcome, "<why> & wherefore" in said) == (Outcome.UNKNOWN, True)


def test_no_moment_at_all_is_a_failure() -> None:
    assert verdict((), 90)[0] is Outcome.FAIL
