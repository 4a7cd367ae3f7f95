"""Readiness tells what the checks of queues last found, and does without them only where there is no queue."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from printflow_reliability.check_entry import Check
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.findings import Severity
from printflow_reliability.readiness import queues_seen
from printflow_reliability.readiness.queues_seen import queues_verdict
from printflow_reliability.records.check_results import Answer
from printflow_reliability.register import REGISTER
from printflow_reliability_tests.minimal_settings import minimal_settings

AGE = "queues.age"
OF_QUEUES = [check for check in REGISTER if check.partition(".")[0] in queues_seen.SECTIONS]


class Watched:
    """Settings that name a queue and a Redis."""

    queue = worker = redis = ("print-files",)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTER, AGE, Check(AGE, "?", Severity.CRITICAL, "See printflow status."))


def answers(outcome: Outcome, age: float = 60.0) -> Mapping[tuple[str, str], Answer]:
    """What every check of queues said so long ago; all but the age of jobs is well."""
    found = dict.fromkeys(OF_QUEUES, Outcome.PASS) | {AGE: outcome}
    return {
        (check, ""): Answer(CheckResult(check, said, f"{check} found it"), datetime.now(UTC), age)
        for check, said in found.items()
    }


def verdict(found: Mapping[tuple[str, str], Answer]) -> Any:
    return queues_verdict(Watched(), found)  # type: ignore[arg-type]


@pytest.mark.alarm("ready.queues", "ring")
def test_a_queue_that_failed_is_not_ready_and_says_what_was_found() -> None:
    told = verdict(answers(Outcome.FAIL))
    assert (told.outcome, told.sentence) == (Outcome.FAIL, "queues.age found it (1 min ago)")


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.WARN])
def test_queues_that_were_well_lately_are_ready(outcome: Outcome) -> None:
    assert verdict(answers(outcome)).outcome is Outcome.PASS


@pytest.mark.parametrize(("outcome", "age"), [(Outcome.PASS, 86400.0), (Outcome.UNKNOWN, 60.0)])
def test_queues_that_nobody_has_seen_lately_are_not_known(outcome: Outcome, age: float) -> None:
    assert verdict(answers(outcome, age)).outcome is Outcome.UNKNOWN
    assert verdict({}).outcome is Outcome.UNKNOWN


def test_a_platform_without_queues_does_without_them() -> None:
    told = queues_verdict(minimal_settings(), {})
    assert (told.outcome, told.sentence) == (Outcome.PASS, "no queue is configured")
