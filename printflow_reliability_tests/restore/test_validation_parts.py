"""The parts of validation that need no server: queries on odd names, answers read, expectations judged."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from printflow_reliability.backups.info import Backup
from printflow_reliability.drills.validation.page_checksums import parse
from printflow_reliability.drills.validation.shrinkage import Shrunk, shrunk
from printflow_reliability.drills.validation.smoke import unmet
from printflow_reliability.errors import ConfigError
from printflow_reliability.restore.gaps import ALL, Gaps
from printflow_reliability.restore.inventory import differences
from printflow_reliability.restore.targets import Window, parse_target, random_moment, require_inside, window_of
from printflow_reliability.restore.validation.constraints import UniqueIndex, duplicates_query
from printflow_reliability.restore.validation.readings import TableConstraints, batches
from printflow_reliability.restore.validation.sequences import is_behind
from printflow_reliability.settings import SmokeSettings

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_duplicates_are_looked_for_where_the_predicate_holds_and_nulls_are_no_equals() -> None:
    index = UniqueIndex(
        "public", "odd table", "i", True, ['"a b"', "lower(c)"], False, "(deleted IS NULL)", False, 8192
    )
    query = duplicates_query(index).as_string()
    assert 'FROM ONLY "public"."odd table" WHERE ((deleted IS NULL)) AND num_nulls("a b", lower(c)) = 0' in query
    assert 'GROUP BY "a b", lower(c) HAVING count(*) > 1' in query
    equal = UniqueIndex("public", "t", "i", True, ["a"], True, None, True, 8192)
    assert "WHERE true GROUP BY a" in duplicates_query(equal).as_string()


def test_bad_pages_are_read_from_what_pg_checksums_says() -> None:
    text = (
        'pg_checksums: error: checksum verification failed in file "./base/16385/2619", block 3: '
        "calculated checksum 1A2B but block contains 3C4D\nBlocks scanned:  4100\nBad checksums:  1\n"
    )
    assert parse(text) == (4100, ["base/16385/2619 page 3"])
    assert parse(text.replace("checksums:  1", "checksums:  3"))[1][1:] == ["2 more that pg_checksums counts"]
    assert parse("pg_checksums: error: data checksums are not enabled in cluster") == (None, [])


@pytest.mark.parametrize(
    ("last", "called", "increment", "furthest", "behind"),
    [
        *((3, True, 1, 9, True), (9, True, 1, 9, False), (9, False, 1, 9, True), (1, False, 1, None, False)),
        *((-3, True, -1, -9, True), (-9, True, -1, -9, False)),
    ],
)
def test_a_sequence_is_behind_if_its_next_number_is_taken(
    last: int, called: bool, increment: int, furthest: int | None, behind: bool
) -> None:
    assert is_behind(last, called, increment, furthest) is behind


@given(rows=st.integers(100, 10**9), left=st.integers(0, 10**9), threshold=st.floats(0.01, 0.99))
def test_a_table_is_told_exactly_when_it_lost_more_than_the_threshold(rows: int, left: int, threshold: float) -> None:
    before, now = {"d": {"public.t": rows}}, {"d": {"public.t": left}}
    assert bool(shrunk(before, now, Gaps(), threshold, ()).lost) is (left < rows * (1 - threshold))
    assert shrunk(before, now, Gaps(), threshold, ("d.public.t",)) == Shrunk((), ())


def test_a_table_that_is_gone_lost_all_of_its_rows() -> None:
    found = shrunk({"d": {"public.t": 500}}, {}, Gaps(), 0.2, ())
    assert found == Shrunk(("d.public.t went from 500 to 0 rows",), ())


@pytest.mark.parametrize(
    "gaps",
    [
        Gaps(left_out={"d": "it lets nobody in"}),
        Gaps(untold={"d": {ALL: "it was made just now"}}),
        Gaps(untold={"d": {"public.t": "it was truncated"}}),
        Gaps(damaged={"d": {"public.t": "invalid page"}}),
    ],
)
def test_a_table_that_was_not_counted_now_lost_nothing_that_anybody_knows_of(gaps: Gaps) -> None:
    assert shrunk({"d": {"public.t": 500}}, {}, gaps, 0.2, ()) == Shrunk((), ("d.public.t",))


def test_what_is_new_in_the_clone_is_no_difference_and_what_is_missing_or_changed_is() -> None:
    before = {"role app": "login", "extension shop.citext": "1.6", "database shop": "UTF8 C"}
    now = {"role app": "login superuser", "database shop": "UTF8 C", "role new": ""}
    assert differences(before, now) == [
        "extension shop.citext is missing",
        'role app is "login superuser", it was "login"',
    ]


@pytest.mark.parametrize(
    ("expected", "rows", "met"),
    [
        ({}, [(1,)], True),
        ({}, [], False),
        ({"min_rows": 0, "max_rows": 0}, [(1,)], False),
        ({"min_rows": 0, "max_rows": 0}, [], True),
        ({"value": "true"}, [(True,)], True),
        ({"value": "3"}, [(4,)], False),
    ],
)
def test_a_smoke_query_must_return_what_is_expected(
    expected: dict[str, object], rows: list[tuple[object, ...]], met: bool
) -> None:
    smoke = SmokeSettings.model_validate({"name": "s", "cluster": "live_db", "query": "SELECT 1", **expected})
    assert (unmet(smoke, rows) == "") is met


def backup(ended: datetime) -> Backup:
    return Backup("20261101-030000F", "full", 1, "15-1", ended, ended, 1, 1, None)


def test_the_window_begins_where_every_cluster_has_a_backup() -> None:
    early, late = NOW - timedelta(days=9), NOW - timedelta(days=7)
    window = window_of({"live_db": [backup(early), backup(NOW)], "admin_db": [backup(late)]}, NOW)
    assert window == Window(late + timedelta(seconds=1), NOW)
    with pytest.raises(ConfigError, match=r"repo2 can restore: 2026-10-26 12:00:01 to 2026-11-02 12:00:00 UTC"):
        require_inside(window, early, 2)


@given(seed=st.integers(), hours=st.lists(st.integers(-50, 300), max_size=5))
def test_a_random_moment_lies_in_the_window_whatever_the_backups(seed: int, hours: list[int]) -> None:
    window = Window(NOW - timedelta(days=9), NOW)
    ends = [NOW - timedelta(hours=hour) for hour in hours]
    assert window.earliest <= random_moment(window, ends, random.Random(seed)) <= window.latest


def test_random_moments_lie_rather_between_backups_than_at_them() -> None:
    window = Window(NOW - timedelta(hours=48), NOW)
    chance = random.Random(7)
    moments = [random_moment(window, [NOW - timedelta(hours=24)], chance) for _ in range(2000)]
    distances = [min(abs((NOW - at) / timedelta(hours=1) - hour) for hour in (0, 24, 48)) for at in moments]
    assert sum(distance > 6 for distance in distances) > 1400


SPANS = st.lists(st.tuples(st.integers(0, 240), st.integers(1, 60)), min_size=1, max_size=5)


@given(seed=st.integers(), hours=st.lists(st.integers(1, 215), max_size=5), proven=SPANS)
def test_a_random_moment_lies_where_no_drill_has_proven_anything(
    seed: int, hours: list[int], proven: list[tuple[int, int]]
) -> None:
    window = Window(NOW - timedelta(days=9), NOW)
    ends = [NOW - timedelta(hours=hour) for hour in hours]
    spans = [(window.earliest + timedelta(hours=at), window.earliest + timedelta(hours=at + n)) for at, n in proven]

    moment = random_moment(window, ends, random.Random(seed), spans)

    assert window.earliest <= moment <= window.latest
    marks = sorted({window.earliest, window.latest, *ends, *(at for span in spans for at in span)})
    left = [
        (first, last)
        for first, last in pairwise(at for at in marks if window.earliest <= at <= window.latest)
        if not any(begin <= first and last <= end for begin, end in spans)
    ]
    if left:
        assert any(first <= moment <= last for first, last in left)


def test_the_longest_stretch_that_is_not_proven_is_drilled_late() -> None:
    window = Window(NOW - timedelta(hours=48), NOW)
    proven = [(NOW - timedelta(hours=40), NOW - timedelta(hours=8))]
    moments = [random_moment(window, [NOW - timedelta(hours=20)], random.Random(n), proven) for n in range(50)]
    # Eight hours are left at either end, and the first of the longest is taken.
    assert all(NOW - timedelta(hours=44) <= at <= NOW - timedelta(hours=40) for at in moments)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tomorrow", "neither latest, random, longest nor a time"),
        ("2026-11-02T10:00:00", "has no time zone"),
        ("2026-11-02T12:00:01Z", "lies in the future"),
    ],
)
def test_a_target_that_means_nothing_says_what_would(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_target(text, NOW)


def test_a_given_time_is_read_with_its_zone() -> None:
    assert parse_target("2026-11-02T12:00:00+01:00", NOW).moment == NOW - timedelta(hours=1)
    assert str(parse_target("random", NOW)) == "random"


def test_small_tables_share_a_batch_and_large_ones_are_alone() -> None:
    sizes = {"a": 1, "b": 900, "c": 40, "d": 70, "e": 50}
    tables = [TableConstraints(sql.Identifier(name), size, ()) for name, size in sizes.items()]
    divided = [sorted(table.bytes for table in batch) for batch in batches(tables, most=100)]
    assert sorted(divided) == [[1, 40, 50], [70], [900]]
