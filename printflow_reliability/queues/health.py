"""Whether the queues do their work: ages, failures, jobs that nobody works on, and workers, each queue by itself."""

from collections.abc import Iterator, Mapping, Sequence

from printflow_reliability.checks import CheckResult, Outcome, scope_of, within
from printflow_reliability.queues.heartbeats import Heartbeat
from printflow_reliability.queues.state import QueueState
from printflow_reliability.queues.verdicts import Verdict, answer
from printflow_reliability.settings import QueueSettings, Settings, WorkerSettings
from printflow_reliability.text import agreed, counted, printable, seconds

AGE, FAILED, STALLED, WORKERS = (f"queues.{name}" for name in ("age", "failed", "stalled", "workers"))
SYNC = "every queue of printflow.toml is of the sync driver, which runs a job at once: there is no queue"
NO_QUEUE = "printflow.toml names no [[queue]]"
NO_TRACE = (
    "nothing tells whether a worker is alive: Laravel's workers leave no trace without Horizon. "
    "Next: give each a heartbeat and name it in a [[worker]] of printflow.toml"
)
Pair = tuple[QueueSettings, QueueState]


def queue_checks(
    settings: Settings, states: Sequence[QueueState], beats: Sequence[Heartbeat], untold: Mapping[str, int]
) -> list[CheckResult]:
    """The answers on the queues and the workers of printflow.toml.

    Args:
        settings: the whole file.
        states: of its queues, in order.
        beats: of its workers, in order.
        untold: by queue, how many failed jobs of orders do not tell their order.
    """
    pairs = [(queue, state) for queue, state in zip(settings.queue, states, strict=True) if not state.none]
    if pairs:
        empty, nothing = [], ""
    else:
        empty, nothing = [Verdict(Outcome.PASS, "")], SYNC if states else NO_QUEUE
    alive = [verdict for pair in pairs for verdict in _workers(*pair)]
    alive += [verdict for worker, beat in zip(settings.worker, beats, strict=True) for verdict in _beats(worker, beat)]
    if pairs and not alive:
        alive = [Verdict(Outcome.UNKNOWN, NO_TRACE)]
    return [
        answer(
            AGE,
            [*empty, *(verdict for pair in pairs for verdict in _age(*pair))],
            nothing or f"{counted(len(pairs), 'queue')}: no job waits for longer than it may",
            numbers_of(states),
        ),
        answer(
            FAILED,
            [*empty, *(verdict for pair in pairs for verdict in _failed(*pair, untold))],
            nothing or "no more jobs failed than may",
        ),
        answer(
            STALLED,
            [*empty, *(verdict for pair in pairs for verdict in _stalled(*pair))],
            nothing or "every job that was taken is being worked on",
        ),
        answer(WORKERS, [*empty, *alive], nothing if nothing and not beats else "the workers are alive"),
    ]


def queue_parts(
    settings: Settings, states: Sequence[QueueState], beats: Sequence[Heartbeat], untold: Mapping[str, int]
) -> list[CheckResult]:
    """What is recorded of each queue and each worker by itself, with the numbers that are known of it.

    Args:
        settings, states, beats, untold: as of `queue_checks`.
    """
    parts: list[CheckResult] = []
    for queue, state in zip(settings.queue, states, strict=True):
        if state.none:
            continue
        answers = [
            answer(AGE, _age(queue, state), "no job waits for longer than it may", _age_numbers(state)),
            answer(FAILED, _failed(queue, state, untold), "no more jobs failed than may", _failed_numbers(state)),
            answer(STALLED, _stalled(queue, state), "every job that was taken is being worked on", _taken(state)),
        ]
        if alive := [*_workers(queue, state)]:
            workers = _known(living_workers=state.workers, needed_workers=queue.workers)
            answers.append(answer(WORKERS, alive, "the workers are alive", workers))
        parts += within(scope_of(queue=[printable(queue.name)]), answers)
    for worker, beat in zip(settings.worker, beats, strict=True):
        age = _known(heartbeat_age_seconds=beat.seconds, heartbeat_limit_seconds=worker.max_age_seconds)
        answers = [answer(WORKERS, _beats(worker, beat), "its heartbeat is recent", age)]
        parts += within(scope_of(worker=[printable(worker.name)]), answers)
    return parts


def numbers_of(states: Sequence[QueueState]) -> dict[str, int | float]:
    """Sums over all queues, of those that are known; a number that no queue tells is left out."""
    told = [{**_age_numbers(state), **_failed_numbers(state), **_taken(state)} for state in states]
    numbers: dict[str, int | float] = {"unreadable_queues": sum(bool(state.unreadable) for state in states)}
    for name in ("queued_jobs", "delayed_jobs", "failed_jobs", "newly_failed_jobs", "stalled_jobs"):
        if known := [number[name] for number in told if name in number]:
            numbers[name] = sum(known)
    if ages := [number["oldest_job_seconds"] for number in told if "oldest_job_seconds" in number]:
        numbers["oldest_job_seconds"] = max(ages)
    return numbers


def _age_numbers(state: QueueState) -> dict[str, int | float]:
    """What waits in a queue, as far as it is known."""
    oldest = None if state.oldest is None else round(state.oldest.seconds, 3)
    return _known(
        queued_jobs=state.depth,
        delayed_jobs=state.delayed,
        oldest_job_seconds=oldest,
        paused=None if state.paused is None else int(state.paused),
        junk_jobs=state.junk,
    )


def _failed_numbers(state: QueueState) -> dict[str, int | float]:
    return _known(failed_jobs=state.failed, newly_failed_jobs=state.growth)


def _taken(state: QueueState) -> dict[str, int | float]:
    return _known(reserved_jobs=state.reserved, stalled_jobs=state.stalled)


def _known(**numbers: float | None) -> dict[str, int | float]:
    """Those numbers that are known: what is not has no sample, and is no zero."""
    return {name: number for name, number in numbers.items() if number is not None}


def _name(queue: QueueSettings) -> str:
    return f'queue "{printable(queue.name)}"'


def _unreadable(queue: QueueSettings, state: QueueState) -> Iterator[Verdict]:
    if state.unreadable:
        yield Verdict(Outcome.UNKNOWN, f"{_name(queue)}: {state.unreadable}")


def _age(queue: QueueSettings, state: QueueState) -> Iterator[Verdict]:
    yield from _unreadable(queue, state)
    if state.unreadable or state.oldest is None:
        return
    limit, oldest = queue.oldest_seconds or 0.0, state.oldest
    paused = "; it is paused, so that workers take nothing from it" if state.paused else ""
    if oldest.seconds > limit:
        least = "" if oldest.exact else "at least "
        jobs = counted(state.depth or 0, "job")
        yield Verdict(
            Outcome.FAIL,
            f"{_name(queue)}: the oldest job has been waiting for {least}{seconds(oldest.seconds)} "
            f"(limit {seconds(limit)}), {jobs} {agreed(state.depth or 0, 'waits', 'wait')}{paused}",
        )
    elif why := state.unknown.get("oldest"):
        yield Verdict(Outcome.UNKNOWN, f"{_name(queue)}: how long its oldest job waits is not known: {why}")
    elif state.paused:
        yield Verdict(Outcome.WARN, f"{_name(queue)} is paused: workers take nothing from it")
    else:
        yield Verdict(Outcome.PASS, "")
    if state.junk:
        payloads = counted(state.junk, "payload")
        yield Verdict(Outcome.WARN, f"{_name(queue)}: {payloads} of waiting jobs can be read by no worker")
    if state.never:
        jobs = counted(state.never, "delayed job")
        yield Verdict(
            Outcome.WARN,
            f"{_name(queue)}: {jobs} {agreed(state.never, 'is', 'are')} due at no time that will ever come",
        )


def _failed(queue: QueueSettings, state: QueueState, untold: Mapping[str, int]) -> Iterator[Verdict]:
    yield from _unreadable(queue, state)
    if state.unreadable:
        return
    if orders := untold.get(queue.name, 0):  # whatever may fail, no paid order may
        jobs, tell = counted(orders, "newly failed job"), agreed(orders, "does not tell", "do not tell")
        yield Verdict(Outcome.FAIL, f"{_name(queue)}: {jobs} may be of paid orders and {tell} of which")
    if state.growth is None:
        why = state.unknown.get("failed") or state.unknown.get("growth") or "nothing was read"
        yield Verdict(Outcome.UNKNOWN, f"{_name(queue)}: its failed jobs are not known: {why}")
    elif state.growth > queue.failed_growth:
        within = f"within {seconds(queue.failed_seconds)} (limit {queue.failed_growth})"
        kept = (
            f"; {state.failed:,} {agreed(state.failed, 'is', 'are')} kept as failed" if state.failed is not None else ""
        )
        yield Verdict(Outcome.FAIL, f"{_name(queue)}: {counted(state.growth, 'job')} failed {within}{kept}")
    elif not orders:
        yield Verdict(Outcome.PASS, "")


def _stalled(queue: QueueSettings, state: QueueState) -> Iterator[Verdict]:
    yield from _unreadable(queue, state)
    if state.unreadable:
        return
    if state.stalled is None:
        yield Verdict(Outcome.UNKNOWN, f"{_name(queue)}: whether jobs have stalled is not known")
    elif state.stalled:
        why = "without a lock" if queue.kind == "bullmq" else "reserved for longer than retry_after"
        jobs = counted(state.stalled, "job")
        yield Verdict(
            Outcome.FAIL, f"{_name(queue)}: {jobs} {agreed(state.stalled, 'was', 'were')} taken and left, {why}"
        )
    else:
        yield Verdict(Outcome.PASS, "")


def _workers(queue: QueueSettings, state: QueueState) -> Iterator[Verdict]:
    """The workers that a queue's own store tells of; of others a [[worker]] tells."""
    if queue.kind not in ("bullmq", "horizon") or not queue.workers:
        return
    yield from _unreadable(queue, state)
    if state.unreadable:
        return
    wanted = counted(queue.workers, "worker")
    why = state.unknown.get("workers", "")
    if state.workers is not None and state.workers >= queue.workers:
        yield Verdict(Outcome.PASS, "")
    elif state.workers is None or why:
        yield Verdict(
            Outcome.UNKNOWN,
            f"{_name(queue)}: whether {wanted} {agreed(queue.workers, 'is', 'are')} alive is not known: {why}",
        )
    else:
        yield Verdict(Outcome.FAIL, f"{_name(queue)}: {counted(state.workers, 'worker')} alive, {wanted} needed")


def _beats(worker: WorkerSettings, beat: Heartbeat) -> Iterator[Verdict]:
    name = f'worker "{printable(worker.name)}"'
    if beat.unreadable:
        yield Verdict(Outcome.UNKNOWN, f"{name}: {beat.unreadable}")
    elif beat.seconds is None:
        yield Verdict(Outcome.FAIL, f"{name} has no heartbeat")
    elif beat.seconds > worker.max_age_seconds:
        limit = seconds(worker.max_age_seconds)
        yield Verdict(Outcome.FAIL, f"{name}: its last heartbeat is {seconds(beat.seconds)} old (limit {limit})")
    else:
        yield Verdict(Outcome.PASS, "")
