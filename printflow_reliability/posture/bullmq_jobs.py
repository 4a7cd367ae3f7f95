"""BullMQ's options as the jobs in Redis have them: whoever queues a job may give it others than the source shows."""

from collections.abc import Callable
from typing import Any, TypeGuard

from printflow_reliability.checks import Outcome
from printflow_reliability.posture.bullmq import ATTEMPTS, BACKOFF, CHECK, KEPT, KEPT_SECONDS
from printflow_reliability.posture.items import Item, Judged, Place, Rule
from printflow_reliability.queues.job_options import Options
from printflow_reliability.queues.look import read_queue
from printflow_reliability.queues.state import QueueState
from printflow_reliability.settings import Settings
from printflow_reliability.text import counted, printable

READ = Rule(
    name="bullmq_jobs",
    check=CHECK,
    plan=("P1-7",),
    expected="jobs whose options can be read",
    why="What is not seen may be without any bound.",
)
Verdict = Callable[[Options], Outcome]


def judge_queued(settings: Settings) -> list[Item]:
    """The items of the jobs of every queue of BullMQ that printflow.toml names; none where no job is there."""
    states = [read_queue(settings, queue).state for queue in settings.queue if queue.kind == "bullmq"]
    return [item for state in states for item in judge_state(state)]


def judge_state(state: QueueState) -> list[Item]:
    """The items of the jobs of a queue."""
    judged = Judged()
    subject, place = f"queue {printable(state.name)}", Place(f'queue "{printable(state.name)}"')
    options = state.options
    if options is None:
        judged.add(READ, None, f"its jobs are not known: {state.unreadable}", subject=subject, place=place)
        return judged.items
    if options.unread:
        found = f"{counted(options.unread, 'job')} of {options.looked_at:,} looked at have no options that can be read"
        judged.add(READ, None, found, subject=subject, place=place)
    sample = "" if options.whole else f" of a sample of {options.looked_at:,}"
    for rule, verdict, found in ((ATTEMPTS, _tried, "tried"), (BACKOFF, _spread, "spread"), (KEPT, _kept, "kept")):
        outcomes = [(verdict(kind.options), kind.jobs) for kind in options.kinds]
        for outcome in (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS):
            if jobs := sum(number for told, number in outcomes if told is outcome):
                said = f"{counted(jobs, 'job')}{sample} {_SAID[found, outcome]}"
                judged.add(rule, outcome, said, subject=subject, place=place)
                break
    return judged.items


_SAID = {
    ("tried", Outcome.FAIL): "tried once only",
    ("tried", Outcome.UNKNOWN): "with attempts that are no number",
    ("tried", Outcome.PASS): "tried again after a failure",
    ("spread", Outcome.FAIL): "without a backoff",
    ("spread", Outcome.WARN): "with a backoff without jitter",
    ("spread", Outcome.UNKNOWN): "with a backoff that cannot be read",
    ("spread", Outcome.PASS): "with a backoff that has jitter, or a strategy of its own",
    ("kept", Outcome.FAIL): "removed when it fails, or kept for less than 7 days",
    ("kept", Outcome.UNKNOWN): "with a removeOnFail that cannot be read",
    ("kept", Outcome.PASS): "kept when it fails",
}


def _number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tried(options: Options) -> Outcome:
    attempts = options.get("attempts")
    if attempts is None:
        return Outcome.FAIL
    return (Outcome.PASS if attempts > 1 else Outcome.FAIL) if _number(attempts) else Outcome.UNKNOWN


def _spread(options: Options) -> Outcome:
    backoff = options.get("backoff")
    if _number(backoff):
        return Outcome.WARN if backoff > 0 else Outcome.FAIL
    if not isinstance(backoff, dict):
        return Outcome.FAIL if backoff is None else Outcome.UNKNOWN
    if backoff.get("type") not in ("exponential", "fixed"):
        return Outcome.PASS
    delay = backoff.get("delay")
    if not _number(delay) or delay <= 0:
        return Outcome.FAIL
    return Outcome.PASS if backoff.get("jitter") else Outcome.WARN


def _kept(options: Options) -> Outcome:
    kept = options.get("removeOnFail")
    if kept is None or isinstance(kept, bool):
        return Outcome.FAIL if kept else Outcome.PASS
    if _number(kept):
        return Outcome.PASS if kept > 0 else Outcome.FAIL
    if not isinstance(kept, dict):
        return Outcome.UNKNOWN
    age = kept.get("age")
    if age is None:
        return Outcome.PASS
    return (Outcome.PASS if age >= KEPT_SECONDS else Outcome.FAIL) if _number(age) else Outcome.UNKNOWN
