"""Counts in the clone against counts at the fence."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.fences.clone_rows import CloneRows
from printflow_reliability.drills.fences.comparison import Comparison, answer, compare, describe
from printflow_reliability.drills.fences.reading import NotCounted, Reading
from printflow_reliability.restore.fence import Fence
from printflow_reliability.restore.gaps import ALL, Gaps
from printflow_reliability.restore.production import Production
from printflow_reliability.restore.validation.observations import Observation, unknown, violation

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
EQUAL: Mapping[str, Mapping[str, Reading]] = {
    "live_db": {"public.orders": Reading(3, "77"), "public.tenants": Reading(2)},
    "other": {"public.t": Reading(0)},
}
UNREADABLE = Reading(None, trouble=NotCounted.DAMAGED, reason="invalid page in block 0")
LOCKED = Reading(None, trouble=NotCounted.LOCKED, reason="a transaction keeps it locked")


def compared(readings: Mapping[str, Mapping[str, Reading]], fence: Fence = FENCE, **closed: Observation) -> Comparison:
    return compare(fence, CloneRows(readings, {}, closed))


def described(comparison: Comparison) -> list[str]:
    return [difference.describe() for difference in comparison.differing]


def without(fence: Fence, database: str, table: str, gaps: Gaps) -> Fence:
    """The fence of a cluster of which a table was not counted."""
    counts = {name: dict(tables) for name, tables in (fence.counts or {}).items()}
    if table == ALL:
        del counts[database]
    else:
        del counts[database][table]
    return replace(fence, counts=counts, gaps=gaps)


def test_equal_counts_differ_nowhere() -> None:
    assert compared(EQUAL) == Comparison()
    assert (FENCE.tables, FENCE.rows) == (3, 5)
    verdict = answer([compared(EQUAL)], [FENCE])
    assert verdict.outcome is Outcome.PASS
    assert verdict.detail == "3 tables, 5 rows, all equal to production (1 compared by content)"


def test_a_row_less_a_table_less_and_a_database_less_are_each_named() -> None:
    found = compared({"live_db": {"public.orders": Reading(2, "5")}})
    assert described(found) == [
        "live_db.public.orders has 2 rows, production had 3",
        "live_db.public.tenants is missing in the clone (2 rows in production)",
        "other.public.t is missing in the clone (0 rows in production)",
    ]
    assert answer([found], [FENCE]).outcome is Outcome.FAIL


def test_a_table_that_production_did_not_have_is_a_difference_even_if_empty() -> None:
    found = compared({**EQUAL, "other": {"public.t": Reading(0), "public.new": Reading(0)}})
    assert described(found) == ["other.public.new is in the clone and was not in production"]


def test_a_damaged_table_of_the_clone_is_a_difference_and_a_locked_one_could_not_be_told() -> None:
    found = compared({**EQUAL, "live_db": {"public.orders": UNREADABLE, "public.tenants": LOCKED}})
    assert "orders cannot be read in the clone: invalid page in block 0" in describe(found.differing)
    assert found.untold == ("live_db.public.tenants in the clone: a transaction keeps it locked",)
    assert answer([found], [FENCE]).outcome is Outcome.FAIL
    locked = compared({**EQUAL, "live_db": {"public.orders": Reading(3, "77"), "public.tenants": LOCKED}})
    assert answer([locked], [FENCE]).outcome is Outcome.UNKNOWN


def test_as_many_rows_with_another_content_differ_and_content_that_cannot_be_read_is_not_told() -> None:
    tenants = {"public.tenants": Reading(2)}
    assert described(compared({**EQUAL, "live_db": {"public.orders": Reading(3, "78"), **tenants}})) == [
        "live_db.public.orders has as many rows as production had (3), but not the same ones"
    ]
    found = compared({**EQUAL, "live_db": {"public.orders": Reading(3, reason="no such library"), **tenants}})
    assert found.untold == ("the content of live_db.public.orders in the clone: no such library",)


@pytest.mark.parametrize("rows", [0, 5])
def test_large_objects_that_only_the_clone_may_count_are_no_difference(rows: int) -> None:
    found = {**EQUAL, "other": {"public.t": Reading(0), "pg_catalog.pg_largeobject": Reading(rows)}}
    assert compared(found) == Comparison()
    counted = replace(FENCE, counts={**(FENCE.counts or {}), "other": {"public.t": 0, "pg_catalog.pg_largeobject": 4}})
    assert len(compared(found, counted).differing) == 1


@pytest.mark.parametrize(
    ("table", "gaps", "outcome", "said"),
    [
        (
            "public.t",
            Gaps(untold={"other": {"public.t": "it was truncated"}}),
            Outcome.UNKNOWN,
            "other.public.t: it was",
        ),
        (ALL, Gaps(untold={"other": {ALL: "it was made just now"}}), Outcome.UNKNOWN, "every table of other: it was"),
        (
            ALL,
            Gaps(left_out={"other": "it lets nobody in"}),
            Outcome.WARN,
            "left out: live_db other: it lets nobody in",
        ),
        (
            "public.t",
            Gaps(damaged={"other": {"public.t": "invalid page"}}),
            Outcome.FAIL,
            "cannot be read: other.public.t in production itself: invalid page (the clone reads 0 rows of it",
        ),
    ],
)
def test_what_production_could_not_count_is_named_and_never_a_difference(
    table: str, gaps: Gaps, outcome: Outcome, said: str
) -> None:
    fence = without(FENCE, "other", table, gaps)
    found = compared(EQUAL, fence)
    assert found.differing == ()
    verdict = answer([found], [fence])
    assert verdict.outcome is outcome
    assert said in verdict.detail
    assert "2 tables, 5 rows" in verdict.detail
    assert "equal to production" in verdict.detail


@pytest.mark.parametrize(("observe", "outcome"), [(violation, Outcome.FAIL), (unknown, Outcome.UNKNOWN)])
def test_a_database_that_does_not_open_in_the_clone_is_named_once_and_not_table_by_table(
    observe: Callable[[str], Observation], outcome: Outcome
) -> None:
    found = compared({"live_db": EQUAL["live_db"]}, other=observe("live_db other does not open: pg_filenode.map"))
    assert found.differing == ()
    verdict = answer([found], [FENCE])
    assert verdict.outcome is outcome
    assert verdict.detail.count("other") >= 1
    assert "does not open" in verdict.detail


def test_unlogged_tables_are_said_and_a_difference_is_said_first() -> None:
    found = compare(FENCE, CloneRows(EQUAL, {"live_db": ("public.cache",)}, {}))
    verdict = answer([found], [FENCE])
    assert verdict.outcome is Outcome.PASS
    assert "1 unlogged table come back empty" not in verdict.detail
    assert "unlogged, so empty by design: live_db.public.cache" in verdict.detail
    worse = Comparison(
        differing=compared({"live_db": EQUAL["live_db"]}).differing, untold=["a: b"], left_out={"c": "d"}
    )
    verdict = answer([worse], [FENCE])
    assert verdict.outcome is Outcome.FAIL
    assert verdict.detail.startswith("1 table differs")
