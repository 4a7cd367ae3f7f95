"""Repairing an order from the UI: a plan for everybody, and more only behind a proxy and by a person with a name."""

from typing import Any

import dagster as dg
import pytest

from printflow_reliability.defs.configuration import Configuration
from printflow_reliability.defs.order_repairs import order_repair
from printflow_reliability.errors import LockHeld
from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability.orders.repair import repair
from printflow_reliability.orders.repair.plan import Status, Step, Way
from printflow_reliability.orders.repair.repair import RepairReport
from printflow_reliability_tests.minimal_settings import minimal_settings

PROBLEM = Problem(Kind.UNLINKED, None, "print-ready file was never linked")
HELD, READY = OrderAnswer("7", "9f3a", None, (PROBLEM,)), OrderAnswer("7", "9f3a", None)
PLANNED = Step(Way.RELINK, Status.PLANNED, PROBLEM, "link a|b.pdf", key="a|b.pdf")
PROXY = "\n[dagster]\nauthenticating_proxy = true\n"


class Repairs:
    """What is asked of the capability, and how it answers."""

    def __init__(self, report: RepairReport | Exception) -> None:
        self.report = report
        self.asked: list[dict[str, Any]] = []

    def __call__(self, _settings: object, order: str, choice: object, **more: Any) -> RepairReport:
        self.asked.append({"order": order, "choice": choice, **more})
        if isinstance(self.report, Exception):
            raise self.report
        return self.report


def launch(
    monkeypatch: pytest.MonkeyPatch, report: RepairReport | Exception, more: str = "", **config: Any
) -> tuple[dg.ExecuteInProcessResult, Repairs, str]:
    """The run, what was asked of the capability, and how the run failed."""
    repairs = Repairs(report)
    monkeypatch.setattr(repair, "repair", repairs)
    monkeypatch.setattr(Configuration, "settings", lambda _self: minimal_settings(more))
    done = order_repair.execute_in_process(
        run_config=dg.RunConfig(ops={"repair_order": {"config": {"order": "7", **config}}}),
        resources={"configuration": Configuration()},
        raise_on_error=False,
    )
    failures = [
        str(event.step_failure_data.user_failure_data.description)
        for event in done.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    ]
    return done, repairs, "".join(failures)


def test_a_run_only_plans_unless_it_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    done, repairs, _ = launch(monkeypatch, RepairReport("7", False, HELD, [PLANNED]))
    assert done.success
    assert [(asked["order"], asked["apply"]) for asked in repairs.asked] == [("7", False)]


@pytest.mark.parametrize(
    ("more", "by", "says"),
    [
        ("", "Ada", "dagster.authenticating_proxy"),
        ("\n[dagster]\nauthenticating_proxy = false\n", "Ada", "dagster.authenticating_proxy"),
        (PROXY, " ", "does not say who"),
    ],
)
def test_nothing_is_changed_by_whoever_nobody_knows(
    monkeypatch: pytest.MonkeyPatch, more: str, by: str, says: str
) -> None:
    done, repairs, failure = launch(monkeypatch, RepairReport("7", True, READY), more, apply=True, by=by)
    assert not done.success
    assert repairs.asked == []
    assert says in failure


def test_behind_a_proxy_a_named_person_repairs(monkeypatch: pytest.MonkeyPatch) -> None:
    done, repairs, _ = launch(
        monkeypatch, RepairReport("7", True, READY, [PLANNED]), PROXY, apply=True, by="Ada", key="a|b.pdf"
    )
    assert done.success
    assert [(asked["person"], asked["choice"].key) for asked in repairs.asked] == [("Ada", "a|b.pdf")]


def test_a_repair_after_which_the_order_is_held_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    done, _, failure = launch(monkeypatch, RepairReport("7", True, HELD, [PLANNED]), PROXY, apply=True, by="Ada")
    assert not done.success
    assert failure == "order 7 must not go to print: print-ready file was never linked"


def test_a_repair_that_somebody_else_is_at_fails_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    done, _, failure = launch(monkeypatch, LockHeld("another repair of order 7 is running", "wait"), "")
    assert not done.success
    assert failure.startswith("another repair of order 7 is running")
