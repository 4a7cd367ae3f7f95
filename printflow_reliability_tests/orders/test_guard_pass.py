"""A look's budget: what is left for inspections after the databases and the listing have taken their time."""

from printflow_reliability.defs.order_sensor import INTERVAL_SECONDS
from printflow_reliability.orders.guard_pass import (
    BUDGET_SECONDS,
    INSPECTING_SECONDS,
    LEAST_SECONDS,
    PATIENCE_SECONDS,
    STOP_SECONDS,
    pace_from,
)


def test_a_look_inspects_within_its_budget_and_leaves_time_to_hold_and_tell() -> None:
    pace = pace_from(100.0, 102.0)
    assert pace.until == 100.0 + INSPECTING_SECONDS
    assert pace.stop == 100.0 + STOP_SECONDS
    assert pace.patience == PATIENCE_SECONDS
    assert INSPECTING_SECONDS < STOP_SECONDS < BUDGET_SECONDS <= 2 * INTERVAL_SECONDS


def test_databases_that_take_the_whole_budget_leave_a_little_for_new_files() -> None:
    pace = pace_from(100.0, 130.0)
    assert pace.until == pace.stop == 130.0 + LEAST_SECONDS
