"""What the findings of a reconciliation mean for a recovery."""

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.drills.validation.recovered_files import check_counts


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ({}, Outcome.PASS),
        ({"orphan": 5}, Outcome.PASS),
        ({"missing_restorable": 3}, Outcome.WARN),
        ({"overwritten": 2}, Outcome.WARN),
        ({"missing_lost": 1}, Outcome.FAIL),
        ({"near_miss": 1}, Outcome.FAIL),
        ({"wrong_tenant": 1}, Outcome.FAIL),
        ({"missing_restorable": 3, "size_mismatch": 1}, Outcome.FAIL),
    ],
)
def test_lost_and_wrong_files_fail_a_drill_and_restorable_ones_warn(counts: dict[str, int], outcome: Outcome) -> None:
    assert check_counts(counts, 100).outcome is outcome


def test_the_numbers_add_up() -> None:
    result = check_counts({"missing_restorable": 3, "missing_lost": 1, "near_miss": 2, "size_mismatch": 4}, 100)
    assert result.numbers == {
        "references": 100,
        "missing_files": 6,
        "restorable_files": 3,
        "lost_files": 1,
        "overwritten_files": 0,
        "wrong_files": 4,
    }
    assert result.detail.startswith(
        "100 references: 94 there, 3 restorable, 1 lost, 2 only under another spelling, 4 not what the database says"
    )
