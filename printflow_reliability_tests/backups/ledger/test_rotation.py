"""The rotation over random histories: every byte is read again in time, and no pass reads far more than its share."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printflow_reliability.backups.ledger.entries import LedgerEntry
from printflow_reliability.backups.ledger.rotation import PASS_EVERY, due, horizon

BEGIN = datetime(2026, 1, 1, 5, tzinfo=UTC)
MONTH = timedelta(days=30)
DAY = timedelta(days=1)


def entry(name: str, size: int, read_at: datetime, *, checksum: str | None = "sha1") -> LedgerEntry:
    return LedgerEntry(name, size, checksum, 1, BEGIN, read_at)


def many(count: int, read_at: datetime = BEGIN, size: int = 10) -> list[LedgerEntry]:
    return [entry(f"file {number:04}", size, read_at) for number in range(count)]


Days = Sequence[tuple[float, Sequence[int], float]]
"""Of each pass: hours since the one before, the sizes of new files, and the part of the old ones that expire."""
days = st.lists(
    st.tuples(
        st.floats(1, 26), st.lists(st.integers(0, 1000), max_size=4), st.sampled_from((0.0, 0.0, 0.0, 0.1, 0.5, 1.0))
    ),
    min_size=1,
    max_size=80,
)


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40), days, st.integers(3, 40))
def test_every_byte_is_read_again_in_time_and_no_pass_reads_far_more_than_its_share(
    sizes: list[int], passes: Days, reread_days: int
) -> None:
    reread, now = timedelta(days=reread_days), BEGIN
    ledger = {f"0 {number}": entry(f"0 {number}", size, now) for number, size in enumerate(sizes)}
    most = sum(sizes)
    for number, (hours, new, expired) in enumerate(passes, 1):
        previous = newest(ledger, now)
        now += timedelta(hours=hours)
        ledger = dict(list(ledger.items())[int(len(ledger) * expired) :])
        names = due(ledger.values(), previous=previous, now=now, reread=reread)
        most = max(most, total(ledger))

        again = sum(ledger[name].size for name in names)
        largest = max((one.size for one in ledger.values()), default=0)
        share = most * (now - previous) / horizon(reread)
        assert again <= share + largest + 2
        ledger |= {name: replace(ledger[name], read_at=now) for name in names}
        ledger |= {f"{number} {each}": entry(f"{number} {each}", size, now) for each, size in enumerate(new)}
        most = max(most, total(ledger))
        assert all(one.read_at and one.read_at + reread >= now + PASS_EVERY for one in ledger.values())


def newest(ledger: Mapping[str, LedgerEntry], now: datetime) -> datetime:
    return max((one.read_at for one in ledger.values() if one.read_at), default=now)


def total(ledger: Mapping[str, LedgerEntry]) -> int:
    return sum(one.size for one in ledger.values())


def test_a_second_pass_soon_after_the_first_reads_nothing() -> None:
    for later in (timedelta(0), timedelta(minutes=5), timedelta(hours=23)):
        assert due(many(1000), previous=BEGIN, now=BEGIN + later, reread=MONTH) == frozenset()


def passes_of(files: list[LedgerEntry], count: int, every: timedelta = DAY) -> list[int]:
    """How many files each of so many passes reads again."""
    ledger, now, counts = {one.name: one for one in files}, BEGIN, []
    for _ in range(count):
        names = due(ledger.values(), previous=now, now=now + every, reread=MONTH)
        now += every
        ledger |= {name: replace(ledger[name], read_at=now) for name in names}
        counts.append(len(names))
    return counts


def test_a_repository_that_was_read_in_one_day_is_read_again_evenly() -> None:
    counts = passes_of(many(1000), 90)

    assert max(counts) <= 38
    assert 2900 <= sum(counts) <= 3400


def test_large_files_are_not_read_more_often_than_they_must_be() -> None:
    """However often somebody verifies: five files in a month, and not one in every pass."""
    counts = passes_of(many(5, size=10**9), 24 * 28, timedelta(hours=1))

    assert max(counts) == 1
    assert 4 <= sum(counts) <= 6


def test_the_oldest_files_come_first() -> None:
    files = [*many(100, BEGIN + DAY), entry("old", 10, BEGIN)]
    again = due(files, previous=BEGIN + 9 * DAY, now=BEGIN + 10 * DAY, reread=MONTH)

    assert "old" in again
    assert len(again) < len(files)


def test_what_was_missed_while_nobody_verified_is_read_at_once() -> None:
    late = BEGIN + MONTH + DAY

    assert len(due(many(10), previous=BEGIN, now=late, reread=MONTH)) == 10


def test_with_a_single_day_every_pass_reads_everything() -> None:
    assert len(due(many(10), previous=BEGIN, now=BEGIN, reread=DAY)) == 10


def test_a_file_that_only_pgbackrest_can_compare_waits_for_its_last_pass() -> None:
    alone = entry("alone", 10, BEGIN, checksum=None)

    assert due([alone], previous=BEGIN, now=BEGIN + 20 * DAY, reread=MONTH) == frozenset()
    assert due([alone], previous=BEGIN, now=BEGIN + 29 * DAY, reread=MONTH) == {"alone"}


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=3650)])
def test_a_file_that_was_read_in_the_future_is_read_again(ahead: timedelta) -> None:
    """A clock was wrong, and would keep it from being read for as long."""
    assert due([entry("f", 10, BEGIN + ahead)], previous=BEGIN, now=BEGIN, reread=MONTH) == {"f"}


def test_a_clock_that_goes_back_a_little_reads_nothing_twice() -> None:
    assert due(many(10), previous=BEGIN, now=BEGIN - timedelta(seconds=30), reread=MONTH) == frozenset()
