"""Counts in the clone against counts at the fence."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from printflow_reliability.drills.fences.comparison import Found, describe, differences
from printflow_reliability.drills.fences.fence import Fence
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
    "live_db": {"public.orders": Found(3, "77"), "public.tenants": Found(2)},
    "other": {"public.t": Found(0)},
}


def test_equal_counts_differ_nowhere() -> None:
    assert differences(FENCE, EQUAL) == ()
    assert (FENCE.tables, FENCE.rows) == (3, 5)


def test_a_row_less_a_table_less_and_a_database_less_are_each_named() -> None:
    found = differences(FENCE, {"live_db": {"public.orders": Found(2, "5")}})
    assert [one.describe() for one in found] == [
        "live_db.public.orders has 2 rows, production had 3",
        "live_db.public.tenants is missing in the clone (2 rows in production)",
        "other.public.t is missing in the clone (0 rows in production)",
    ]


def test_a_table_that_production_did_not_have_is_a_difference_even_if_empty() -> None:
    found = differences(FENCE, {**EQUAL, "other": {"public.t": Found(0), "public.new": Found(0)}})
    assert [one.describe() for one in found] == ["other.public.new is in the clone and was not in production"]


def test_a_table_that_cannot_be_read_is_told_with_the_reason() -> None:
    unreadable = Found(None, unreadable="invalid page in block 0")
    broken = {"other": {"public.t": Found(0)}, "live_db": {"public.orders": unreadable, "public.tenants": Found(2)}}
    found = differences(FENCE, broken)
    assert "orders cannot be read in the clone: invalid page in block 0" in describe(found)


def test_as_many_rows_with_another_content_differ() -> None:
    found = differences(FENCE, {**EQUAL, "live_db": {"public.orders": Found(3, "78"), "public.tenants": Found(2)}})
    assert [one.describe() for one in found] == [
        "live_db.public.orders has as many rows as production had (3), but not the same ones"
    ]


@pytest.mark.parametrize("rows", [0, 5])
def test_large_objects_that_only_the_clone_may_count_are_no_difference(rows: int) -> None:
    found = {**EQUAL, "other": {"public.t": Found(0), "pg_catalog.pg_largeobject": Found(rows)}}
    assert differences(FENCE, found) == ()
    counted = replace(FENCE, counts={**(FENCE.counts or {}), "other": {"public.t": 0, "pg_catalog.pg_largeobject": 4}})
    assert len(differences(counted, found)) == 1
