from datetime import UTC, datetime, timedelta

from printflow_reliability.backups.clusters import ClusterVerdict
from printflow_reliability.backups.continuity import Continuity
from printflow_reliability.backups.repository_wal import RepositoryWal
from printflow_reliability.backups.wal import ClusterWal
from printflow_reliability.backups.wal_commands import recoverable
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import CouldNotTell

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
FINE = ClusterVerdict(Outcome.PASS, "")


def minutes(ago: float) -> datetime:
    return NOW - timedelta(minutes=ago)


def repository(number: int, *windows: tuple[float, float], reaches: bool = True) -> RepositoryWal:
    spans = tuple((minutes(first), minutes(last)) for first, last in windows)
    first, last = spans[-1] if spans and reaches else (None, None)
    walk = Continuity(9, (), (), (), first, last, spans)
    return RepositoryWal(number, (walk,), own=walk)


def sentence(*repositories: RepositoryWal) -> str:
    return recoverable(ClusterWal("shop", repositories, None, FINE, ()), NOW)


def test_one_phrase_where_every_repository_reaches_the_present() -> None:
    assert (
        sentence(repository(1, (30, 1)), repository(2, (20, 1)))
        == "recoverable from 2026-11-24 07:30:00 UTC to 1 min ago"
    )


def test_a_repository_whose_archive_ends_at_a_gap_is_not_said_to_reach_the_present() -> None:
    assert sentence(repository(1, (30, 20), reaches=False), repository(2, (25, 1))) == (
        "recoverable from 2026-11-24 07:30:00 UTC to 2026-11-24 07:40:00 UTC (repo1), "
        "from 2026-11-24 07:35:00 UTC to 1 min ago (repo2)"
    )


def test_between_two_gaps_both_windows_are_said() -> None:
    assert sentence(repository(1, (30, 20), (10, 2))) == (
        "recoverable from 2026-11-24 07:30:00 UTC to 2026-11-24 07:40:00 UTC and "
        "from 2026-11-24 07:50:00 UTC to 2 min ago (repo1)"
    )


def test_a_repository_that_cannot_be_judged_is_said_to_be_unknown() -> None:
    away = RepositoryWal(2, unknown=CouldNotTell("away"))

    assert sentence(repository(1, reaches=False), away) == "recoverable at no moment (repo1), not known (repo2)"


def test_a_subject_is_named_once_when_it_cannot_be_asked() -> None:
    away = CouldNotTell("repo1 of shop: localhost:8333 cannot be reached")
    assert ClusterVerdict.unknown("shop repo1", away).sentence == away.what
    assert (
        ClusterVerdict.unknown("shop repo2", CouldNotTell("it does not answer")).sentence
        == "shop repo2: it does not answer"
    )
