"""The class of a dump is fixed when it is made: a month's first is monthly, a week's first weekly, others daily."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.dumps.retention import Retention, class_of, locked_until
from printflow_reliability.settings import DumpsSettings

RECIPIENT = "age1cuey00syq8wc4pjplj5asx4rr460p52e0m34pz9zchpjqnavualswugurs"
SETTINGS = DumpsSettings(bucket="dumps", recipients=(RECIPIENT,))
START = datetime(2026, 1, 1, 2, tzinfo=UTC)


def classes(moments: list[datetime]) -> list[tuple[datetime, str]]:
    taken: list[tuple[datetime, str]] = []
    for moment in moments:
        taken.append((moment, class_of(moment, taken)))
    return taken


def test_a_year_of_nightly_dumps_has_twelve_monthly_and_one_weekly_for_each_week() -> None:
    counts = Counter(kept for _, kept in classes([START + timedelta(days=n) for n in range(365)]))
    assert counts[Retention.MONTHLY] == 12
    # A month's first dump is a week's first too, unless that week has one already.
    assert 53 - 12 <= counts[Retention.WEEKLY] <= 53
    assert counts.total() == 365


@given(st.lists(st.integers(min_value=0, max_value=400 * 24), min_size=1, max_size=60, unique=True))
def test_every_month_and_every_week_with_a_dump_keeps_one_as_long_as_it_should(hours: list[int]) -> None:
    taken = classes([START + timedelta(hours=hour) for hour in sorted(hours)])
    months = {(moment.year, moment.month) for moment, _ in taken}
    kept_months = Counter((moment.year, moment.month) for moment, kept in taken if kept is Retention.MONTHLY)
    assert kept_months == Counter(dict.fromkeys(months, 1))
    weeks = {moment.isocalendar()[:2] for moment, _ in taken}
    assert {moment.isocalendar()[:2] for moment, kept in taken if kept is not Retention.DAILY} == weeks


def test_no_lock_lasts_longer_than_the_longest_allowed() -> None:
    short = SETTINGS.model_copy(update={"max_lock_days": 7})
    assert locked_until(START, Retention.MONTHLY, short) == START + timedelta(days=7)
    assert locked_until(START, Retention.DAILY, SETTINGS) == START + timedelta(days=14)
    assert locked_until(START, Retention.WEEKLY, SETTINGS) == START + timedelta(days=56)
