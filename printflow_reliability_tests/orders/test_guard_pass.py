"""A look's budget: what is left for inspections after the databases and the listing have taken their time."""

from typing import Any, cast

import pytest

from printflow_reliability.defs.order_sensor import INTERVAL_SECONDS
from printflow_reliability.orders import guard_pass
from printflow_reliability.orders.guard_pass import (
    BUDGET_SECONDS,
    INSPECTING_SECONDS,
    LEAST_SECONDS,
    PATIENCE_SECONDS,
    STOP_SECONDS,
    GuardPass,
    Remembered,
    pace_from,
)
from printflow_reliability.storage.single_keys import Refusal
from printflow_reliability_tests.files.quarantine.object_aside import row
from printflow_reliability_tests.minimal_settings import minimal_settings


def test_a_look_inspects_within_its_budget_and_leaves_time_to_hold_and_tell() -> None:
    pace = pace_from(100.0, 102.0)
    assert pace.until == 100.0 + INSPECTING_SECONDS
    assert pace.stop == 100.0 + STOP_SECONDS
    assert pace.patience == PATIENCE_SECONDS
    assert INSPECTING_SECONDS < STOP_SECONDS < BUDGET_SECONDS <= 2 * INTERVAL_SECONDS


def test_databases_that_take_the_whole_budget_leave_a_little_for_new_files() -> None:
    pace = pace_from(100.0, 130.0)
    assert pace.until == pace.stop == 130.0 + LEAST_SECONDS


def test_only_what_a_release_brings_back_is_in_quarantine_for_an_order_and_the_rest_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = {"back": True, "gone": False, "not-known": Refusal("its place does not answer")}
    monkeypatch.setattr(guard_pass, "releasable", lambda _, __, held: answers[held.key])
    looking = GuardPass(minimal_settings(), cast(Any, None), cast(Any, None), Remembered({}))
    held = {key: row("v1", key=key) for key in answers}
    assert [*looking._releasable(held)] == ["back", "not-known"]
