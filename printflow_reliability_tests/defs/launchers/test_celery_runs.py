"""A run whose Celery worker died is given up, one that goes on or cannot be asked after is not."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError

from printflow_reliability.defs.launchers.celery_runs import LOOKS, CeleryRuns

TASK, WORKER = "task-1", "first@host"
HAS_IT: Mapping[str, Any] = {WORKER: {TASK: ["active", {}]}}
BEGUN = {"pid": 5, "hostname": WORKER}


class Celery:
    """The result backend and the workers, as they answer at the moment."""

    def __init__(
        self, *states: str, answers: Mapping[str, Any] | Exception | None = None, begun: object = BEGUN
    ) -> None:
        self.states = list(states)
        self.begun = begun
        self.answers = answers
        self.asked: list[object] = []
        self.control = SimpleNamespace(inspect=self._inspect)

    def AsyncResult(self, task: str) -> SimpleNamespace:
        assert task == TASK
        return SimpleNamespace(state=self.states[0] if len(self.states) == 1 else self.states.pop(0), info=self.begun)

    def _inspect(self, *, destination: object, timeout: float) -> SimpleNamespace:
        assert timeout > 0
        self.asked.append(destination)
        return SimpleNamespace(query_task=lambda _task: self._answer())

    def _answer(self) -> Mapping[str, Any] | None:
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


def launcher_over(celery: Celery) -> CeleryRuns:
    launcher = CeleryRuns(default_queue="dagster", broker="memory://", backend="cache+memory://")
    launcher.celery = celery
    return launcher


def looked_at(celery: Celery, looks: int = LOOKS + 1, *, task: str | None = TASK) -> list[WorkerStatus]:
    launcher = launcher_over(celery)
    run = dg.DagsterRun("job", tags={} if task is None else {DAGSTER_CELERY_TASK_ID_TAG: task})
    return [launcher.check_run_worker_health(run).status for _ in range(looks)]


def test_a_run_that_its_worker_has_goes_on_and_only_that_worker_is_asked() -> None:
    celery = Celery("STARTED", answers=HAS_IT)
    assert looked_at(celery) == [WorkerStatus.RUNNING] * (LOOKS + 1)
    assert celery.asked == [[WORKER]] * (LOOKS + 1)


def test_a_run_whose_worker_does_not_answer_is_given_up_after_some_looks() -> None:
    assert looked_at(Celery("STARTED"), LOOKS) == [WorkerStatus.RUNNING] * (LOOKS - 1) + [WorkerStatus.FAILED]


def test_a_worker_that_answers_in_between_is_waited_for_anew() -> None:
    celery = Celery("STARTED")
    launcher = launcher_over(celery)
    run = dg.DagsterRun("job", tags={DAGSTER_CELERY_TASK_ID_TAG: TASK})
    for answers in (None, HAS_IT, None):
        celery.answers = answers
        assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED


def test_a_run_that_its_worker_knows_no_longer_is_given_up_after_some_looks() -> None:
    """The answer may be that of another worker of the same name."""
    celery = Celery("STARTED", answers={WORKER: {}})
    assert looked_at(celery, LOOKS) == [WorkerStatus.RUNNING] * (LOOKS - 1) + [WorkerStatus.FAILED]


@pytest.mark.parametrize(("state", "status"), [("SUCCESS", WorkerStatus.SUCCESS), ("FAILURE", WorkerStatus.FAILED)])
def test_what_the_backend_knows_of_a_task_that_ended_counts(state: str, status: WorkerStatus) -> None:
    celery = Celery(state)
    assert looked_at(celery, 1) == [status]
    assert celery.asked == []


def test_a_run_that_the_backend_lost_goes_on_while_any_worker_has_it() -> None:
    celery = Celery("PENDING", answers=HAS_IT, begun=None)
    assert looked_at(celery) == [WorkerStatus.RUNNING] * (LOOKS + 1)
    assert celery.asked == [None] * (LOOKS + 1)


@pytest.mark.parametrize("answers", [None, {WORKER: {}}])
def test_a_run_that_the_backend_lost_and_no_worker_has_is_given_up_after_some_looks(
    answers: Mapping[str, Any] | None,
) -> None:
    celery = Celery("PENDING", answers=answers, begun=None)
    assert looked_at(celery, LOOKS) == [WorkerStatus.RUNNING] * (LOOKS - 1) + [WorkerStatus.FAILED]


def test_a_run_that_the_backend_loses_while_its_worker_is_asked_is_not_given_up_at_once() -> None:
    assert looked_at(Celery("STARTED", "STARTED", "PENDING"), 1) == [WorkerStatus.RUNNING]


def test_a_run_that_ends_while_its_worker_is_asked_ended() -> None:
    assert looked_at(Celery("STARTED", "STARTED", "SUCCESS", "SUCCESS"), 1) == [WorkerStatus.SUCCESS]


@pytest.mark.parametrize("away", [OperationalError("refused"), ConnectionResetError()])
def test_a_broker_that_is_away_ends_no_run(away: Exception) -> None:
    assert looked_at(Celery("STARTED", answers=away)) == [WorkerStatus.RUNNING] * (LOOKS + 1)


def test_a_run_without_a_task_is_given_up_after_some_looks() -> None:
    assert looked_at(Celery(), LOOKS, task=None) == [WorkerStatus.RUNNING] * (LOOKS - 1) + [WorkerStatus.FAILED]
