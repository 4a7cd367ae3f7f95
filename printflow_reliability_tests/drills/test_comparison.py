"""Counts in the clone against counts at the fence."""

from datetime import UTC, datetime

from printflow_reliability.drills.comparison import describe, differences
from printflow_reliability.drills.fence import Fence

FENCE = Fence(
    cluster="live_db",
    name="printflow-drill-1",
    taken_at=datetime(2026, 11, 2, tzinfo=UTC),
    timeline=1,
    lsn="0/5000148",
    end_lsn="0/5000160",
    segment="000000010000000000000005",
    counts={"live_db": {"public.orders": 3, "public.tenants": 2}, "other": {"public.t": 0}},
    tries=1,
)
EQUAL = {"live_db": {"public.orders": 3, "public.tenants": 2}, "other": {"public.t": 0}}


def test_equal_counts_differ_nowhere() -> None:
    assert differences(FENCE, EQUAL) == ()
    assert (FENCE.tables, FENCE.rows) == (3, 5)


def test_a_row_less_a_table_less_and_a_database_less_are_each_named() -> None:
    found = differences(FENCE, {"live_db": {"public.orders": 2}})
    assert [one.describe() for one in found] == [
        "live_db.public.orders has 2 rows, production had 3",
        "live_db.public.tenants is missing in the clone (2 rows in production)",
        "other.public.t is missing in the clone (0 rows in production)",
    ]


def test_a_table_that_production_did_not_have_is_a_difference_even_if_empty() -> None:
    found = differences(FENCE, {**EQUAL, "other": {"public.t": 0, "public.new": 0}})
    assert [one.describe() for one in found] == ["other.public.new is in the clone and was not in production"]


def test_a_table_that_cannot_be_read_is_told_with_the_reason() -> None:
    broken: dict[str, dict[str, int | str]] = {
        "other": {"public.t": 0},
        "live_db": {"public.orders": "invalid page in block 0", "public.tenants": 2},
    }
    found = differences(FENCE, broken)
    assert "orders cannot be read in the clone: invalid page in block 0" in describe(found)
