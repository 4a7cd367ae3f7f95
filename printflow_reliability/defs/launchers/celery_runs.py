"""Runs as tasks of Celery workers, and the end of those whose worker died.

Celery keeps a task "started" for ever when its whole worker was killed, and dagster-celery takes that for a run that
goes on (dagster pull request 33493). Here the worker is asked whether it still has the task, so that Dagster's run
monitoring reports the run as failed, begins it again where its tags allow that, and somebody hears of it.
"""

from collections import Counter
from typing import Any

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError

ANSWER_SECONDS = 5.0
"""How long a worker may take to answer what it has; it answers while its runs work."""
LOOKS = 2
"""In so many looks of the run monitoring in a row a run must be out of sight before it is given up."""
ENDED = (WorkerStatus.SUCCESS, WorkerStatus.FAILED)
"""Alone to be believed at once; what the result backend does not know it may have lost, and the run goes on."""


class CeleryRuns(CeleryRunLauncher):
    """dagster-celery's launcher, which notices that a worker died."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._unseen: Counter[str] = Counter()

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether a worker has this run; a broker that is away says nothing of a run, which then counts as running."""
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task is None:  # the daemon ended between launching it and noting its task
            return self._out_of_sight(run, "Dagster does not know its Celery task")
        try:
            told = super().check_run_worker_health(run)
            if told.status in ENDED:
                return told
            worker = self.worker_of(task)
            answers = self._asked(worker, task)
            if any(task in tasks for tasks in answers.values()):
                self._unseen.pop(run.run_id, None)
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            told = super().check_run_worker_health(run)
            if told.status in ENDED:  # while the worker was asked
                return told
        except (OperationalError, OSError) as away:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"could not tell: the broker does not answer: {away}")
        who = f"Celery worker {worker}" if worker else "no Celery worker that answers"
        if answers:  # which may be those of another worker of that name
            return self._out_of_sight(run, f"{who} no longer has this run" if worker else f"{who} has this run")
        return self._out_of_sight(run, f"{who} does not answer" if worker else "no Celery worker answers")

    def _out_of_sight(self, run: dg.DagsterRun, why: str) -> CheckRunHealthResult:
        self._unseen[run.run_id] += 1
        if self._unseen[run.run_id] < LOOKS:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"could not tell: {why}")
        del self._unseen[run.run_id]
        return CheckRunHealthResult(WorkerStatus.FAILED, why)

    def worker_of(self, task: str) -> str:
        """The worker that began a task, by its name in Celery; empty where the result does not tell."""
        begun = self.celery.AsyncResult(task).info
        return str(begun.get("hostname", "")) if isinstance(begun, dict) else ""

    def _asked(self, worker: str, task: str) -> dict[str, dict[str, object]]:
        """What that worker, or each where it is not known, says of the task; nothing from who does not answer."""
        inspect = self.celery.control.inspect(destination=[worker] if worker else None, timeout=ANSWER_SECONDS)
        return inspect.query_task(task) or {}
