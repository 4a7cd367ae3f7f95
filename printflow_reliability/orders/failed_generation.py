"""Orders whose print file was to be made by a job that failed: nothing comes for them, so that nobody waits for it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from printflow_reliability.orders.judgement import OrderAnswer
from printflow_reliability.orders.problems import Kind
from printflow_reliability.records.queues import FailedOrder
from printflow_reliability.text import printable

ABSENT = (Kind.UNLINKED, Kind.MISSING)
"""What a failed job explains; whatever else is wrong with a file has causes of its own."""


def with_failed_jobs(answers: Iterable[OrderAnswer], failed: Mapping[str, FailedOrder]) -> tuple[OrderAnswer, ...]:
    """The answers, in which an order without its file is wrong at once where the job that makes it has failed.

    Args:
        answers: of orders that were judged.
        failed: the newest failed job of each order that has any.
    """
    return tuple(_explained(answer, failed.get(answer.order)) for answer in answers)


def _explained(answer: OrderAnswer, job: FailedOrder | None) -> OrderAnswer:
    absent = next((problem for problem in answer.problems if problem.kind in ABSENT), None)
    if job is None or absent is None:
        return answer
    why = f": {job.reason}" if job.reason else ""
    failed = f'generation_failed: job {printable(job.name)} failed in queue "{printable(job.queue)}"{why}'
    others = tuple(problem for problem in answer.problems if problem is not absent)
    return replace(answer, waiting=False, problems=(replace(absent, text=f"{failed}; {absent.text}"), *others))
