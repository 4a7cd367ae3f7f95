"""Counts in the clone against counts at the fence."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.fences.clone_rows import CloneRows
from printflow_reliability.drills.fences.comparison import Difference, answer, compare, describe
from printflow_reliability.drills.fences.fence import Fence
from printflow_reliability.drills.fences.gaps import Gaps
from printflow_reliability.drills.fences.reading import Reading, Trouble
from printflow_reliability.drills.production import Production

FENCE = Fence(
    cluster="live_db",
    name="printflow-drill-1",
    taken_at=datetime(2026, 11, 2, tzinfo=UTC),
    timeline=1,
    lsn="0/5000148",
    end_lsn="0/5000160",
    segment="000000010000000000000005",
    counts={"live_db": {"public.orders": 3, "public.tenants": 2}, "other": {"public.t": 0}},
    digests={"live_db": {"public.orders": "77"}},
    production=Production(
        "live_db", 7, 1, "postgres", "/var/lib/live", 16 * 1024**2, 150018, {}, frozenset(), frozenset()
    ),
)
EQUAL = {
    "live_db": {"public.orders": Reading(3, "77"), "public.tenants": Reading(2)},
    "other": {"public.t": Reading(0)},
}


def differences(fence: Fence, readings: Mapping[str, Mapping[str, Reading]]) -> tuple[Difference, ...]:
    return tuple(compare(fence, CloneRows(readings, {}, {})).differing)


def test_equal_counts_differ_nowhere() -> None:
    assert differences(FENCE, EQUAL) == ()
    assert (FENCE.tables, FENCE.rows) == (3, 5)


def test_a_row_less_a_table_less_and_a_database_less_are_each_named() -> None:
    found = differences(FENCE, {"live_db": {"public.orders": Reading(2, "5")}})
    assert [one.describe() for one in found] == [
        "live_db.public.orders has 2 rows, production had 3",
        "live_db.public.tenants is missing in the clone (2 rows in production)",
        "other.public.t is missing in the clone (0 rows in production)",
    ]


def test_a_table_that_production_did_not_have_is_a_difference_even_if_empty() -> None:
    found = differences(FENCE, {**EQUAL, "other": {"public.t": Reading(0), "public.new": Reading(0)}})
    assert [one.describe() for one in found] == ["other.public.new is in the clone and was not in production"]


def test_a_table_that_cannot_be_read_is_told_with_the_reason() -> None:
    unreadable = Reading(None, trouble=Trouble.DAMAGED, reason="invalid page in block 0")
    broken = {"other": {"public.t": Reading(0)}, "live_db": {"public.orders": unreadable, "public.tenants": Reading(2)}}
    found = differences(FENCE, broken)
    assert "orders cannot be read in the clone: invalid page in block 0" in describe(found)


def test_as_many_rows_with_another_content_differ() -> None:
    found = differences(FENCE, {**EQUAL, "live_db": {"public.orders": Reading(3, "78"), "public.tenants": Reading(2)}})
    assert [one.describe() for one in found] == [
        "live_db.public.orders has as many rows as production had (3), but not the same ones"
    ]


@pytest.mark.parametrize("rows", [0, 5])
def test_large_objects_that_only_the_clone_may_count_are_no_difference(rows: int) -> None:
    found = {**EQUAL, "other": {"public.t": Reading(0), "pg_catalog.pg_largeobject": Reading(rows)}}
    assert differences(FENCE, found) == ()
    counted = replace(FENCE, counts={**(FENCE.counts or {}), "other": {"public.t": 0, "pg_catalog.pg_largeobject": 4}})
    assert len(differences(counted, found)) == 1


def test_what_the_fence_could_not_count_is_unknown_for_that_table_alone() -> None:
    gaps = Gaps(untold={"live_db": {"public.orders": "it was truncated meanwhile"}})
    fence = replace(FENCE, counts={**(FENCE.counts or {}), "live_db": {"public.tenants": 2}}, digests={}, gaps=gaps)
    compared = compare(fence, CloneRows(EQUAL, {}, {}))
    assert compared.differing == ()
    result = answer([compared], [fence])
    assert result.outcome is Outcome.UNKNOWN
    assert "live_db.public.orders: it was truncated meanwhile" in result.detail
    assert "all others equal to production" in result.detail
    worse = compare(fence, CloneRows({**EQUAL, "other": {"public.t": Reading(1)}}, {}, {}))
    assert answer([worse], [fence]).outcome is Outcome.FAIL


def test_a_table_that_production_cannot_read_is_a_finding_of_its_own() -> None:
    gaps = Gaps(damaged={"live_db": {"public.orders": "invalid page in block 7"}})
    fence = replace(FENCE, counts={**(FENCE.counts or {}), "live_db": {"public.tenants": 2}}, digests={}, gaps=gaps)
    result = answer([compare(fence, CloneRows(EQUAL, {}, {}))], [fence])
    assert result.outcome is Outcome.FAIL
    assert (
        "live_db.public.orders in production itself: invalid page in block 7 (the clone reads 3 rows" in result.detail
    )
