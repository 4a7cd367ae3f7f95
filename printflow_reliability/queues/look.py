"""One look at every queue, worker and Redis of printflow.toml, side by side: one that is away hides no other."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import psycopg

from printflow_reliability.alerts.sentry.reports import report_error
from printflow_reliability.alerts.sentry.tracing import operation
from printflow_reliability.checks import CheckResult, Outcome
from printflow_reliability.defects import described
from printflow_reliability.errors import ConfigError, PrintflowError
from printflow_reliability.parallel import run_parallel
from printflow_reliability.platform.connect import error_text
from printflow_reliability.platform.queries import session
from printflow_reliability.platform.redis_server import asking
from printflow_reliability.queues import health, horizon, laravel_database
from printflow_reliability.queues.bullmq import BullQueue
from printflow_reliability.queues.emptied import Run, look_back
from printflow_reliability.queues.failed_marks import marks_of, without_failed
from printflow_reliability.queues.failed_table import failures
from printflow_reliability.queues.heartbeats import Heartbeat, heartbeat
from printflow_reliability.queues.laravel_redis import LaravelQueue
from printflow_reliability.queues.order_jobs import order_jobs
from printflow_reliability.queues.questions import connect_for_question
from printflow_reliability.queues.redis_durability import (
    Durability,
    durability,
    durability_check,
    durability_parts,
)
from printflow_reliability.queues.state import Failures, Known, QueueState, Reading, unreadable
from printflow_reliability.records import queues as records_of_queues
from printflow_reliability.records.check_results import remember_parts
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import QueueSettings, Settings

NOTHING = "printflow.toml has no [[queue]], no [[worker]] and no [[redis]]"
NEXT = "name the platform's queues in printflow.toml: docs/configuration.md, [[queue]]"
MOST_AT_ONCE = 16
"""Questions asked side by side."""
WITHOUT_SIGHT = "its jobs tell no time, and the records, which know when they were first seen, are away"
WITHOUT_RECORDS = "the records are away, so that only what is still kept of it was counted"
Found = TypeVar("Found")


@dataclass(frozen=True)
class QueuesReport:
    """What one look found.

    Attributes:
        queues: in the order of printflow.toml.
        workers: the heartbeats.
        servers: the Redis servers.
        checks: the answers.
        numbers: sums over all queues.
    """

    queues: tuple[QueueState, ...] = ()
    workers: tuple[Heartbeat, ...] = ()
    servers: tuple[Durability, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    numbers: dict[str, int | float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As `queues` prints it."""
        return {
            "ok": all(check.outcome is Outcome.PASS for check in self.checks),
            "queues": [queue.as_json() for queue in self.queues],
            "workers": [worker.as_json() for worker in self.workers],
            "redis": [server.as_json() for server in self.servers],
            "checks": [check.as_json() for check in self.checks],
        }


@operation("queues")
def check_queues(settings: Settings, *, queues: bool = True, servers: bool = True) -> QueuesReport:
    """Look at the queues and the workers, at the Redis servers, or at all of them.

    What must be remembered of them is written into the records; where these are away, the look goes on without them.

    Raises:
        ConfigError: printflow.toml names none of them.
    """
    looked_at = settings.queue if queues else ()
    workers = settings.worker if queues else ()
    redis_servers = settings.redis if servers else ()
    if not (looked_at or workers or redis_servers):
        raise ConfigError(NOTHING, NEXT)
    known = _known(settings)
    asked: list[Callable[[], Reading | Heartbeat | Durability]] = [
        *(
            guarded(partial(read_queue, settings, queue, (known or {}).get(queue.name)), partial(unreadable, queue))
            for queue in looked_at
        ),
        *(guarded(partial(heartbeat, settings, worker), partial(Heartbeat, worker.name, None)) for worker in workers),
        *(guarded(partial(durability, server), partial(Durability, server.name)) for server in redis_servers),
    ]
    answers = run_parallel(asked, workers=MOST_AT_ONCE)
    readings = [answer for answer in answers if isinstance(answer, Reading)]
    beats = [answer for answer in answers if isinstance(answer, Heartbeat)]
    found = [answer for answer in answers if isinstance(answer, Durability)]
    # Records that hang cost seconds each time that they are asked.
    runs = {} if known is None else _runs(settings, found)
    readings = [
        _read_anew(settings, queue, (known or {}).get(queue.name), reading, runs)
        for queue, reading in zip(looked_at, readings, strict=True)
    ]
    states, untold = _remembered(settings, looked_at, known, readings)
    checks: list[CheckResult] = []
    parts: list[CheckResult] = []
    if queues and (looked_at or workers):
        checks += health.queue_checks(settings, states, beats, untold)
        parts += health.queue_parts(settings, states, beats, untold)
    if redis_servers:
        checks.append(durability_check(redis_servers, found, runs))
        parts += durability_parts(redis_servers, found, runs)
    if known is not None:
        # For metrics: one queue that waits is not another that cannot be read. Alerts are those of the whole.
        with suppress(PrintflowError), open_records(settings.records) as records:
            remember_parts(records, [check.check for check in checks], parts)
    return QueuesReport(tuple(states), tuple(beats), tuple(found), tuple(checks), health.numbers_of(states))


def guarded(question: Callable[[], Found], unknown: Callable[[str], Found]) -> Callable[[], Found]:
    """A question whose defects are its own: whatever one queue holds, the others are seen."""

    def ask() -> Found:
        try:
            return question()
        except PrintflowError:
            raise
        except Exception as defect:
            report_error(defect)
            return unknown(
                f"a defect of this program, which was reported, kept it from being read: {described(defect)}"
            )

    return ask


def read_queue(settings: Settings, queue: QueueSettings, known: Known | None = None) -> Reading:
    """What is in one queue; unreadable where its store does not answer, or not as it should."""
    try:
        return _read(settings, queue, known or Known())
    except PrintflowError as away:
        return unreadable(queue, away.sentence)
    except psycopg.Error as refused:
        return unreadable(queue, error_text(refused))


def _read(settings: Settings, queue: QueueSettings, known: Known) -> Reading:
    match queue.kind:
        case "sync":
            return Reading(QueueState(queue.name, queue.kind, none=True))
        case "bullmq":
            with asking(settings.redis_named(str(queue.redis))) as client:
                return BullQueue(client, queue, known).read()
        case "laravel-database":
            cluster = settings.cluster_named(str(queue.cluster))
            with session(cluster, queue.database, connect_for_question) as connection:
                return laravel_database.read(connection, queue, known)
    failed, why_not = _failures(settings, queue, known)
    with asking(settings.redis_named(str(queue.redis))) as client:
        reading = LaravelQueue(client, queue, known).read(failed, why_not)
        if queue.kind == "horizon" and not reading.state.unreadable:
            return replace(reading, state=horizon.with_workers(client, queue, reading.state))
        return reading


def _failures(settings: Settings, queue: QueueSettings, known: Known) -> tuple[Failures | None, str]:
    """The failed jobs of a queue on Redis, which lie in a database; why they are not known where it is away."""
    cluster = settings.cluster_named(str(queue.cluster))
    try:
        with session(cluster, queue.database, connect_for_question) as connection:
            return failures(connection, queue, known), ""
    except PrintflowError as away:
        return None, away.sentence
    except psycopg.Error as refused:
        return None, error_text(refused)


def place_of(queue: QueueSettings) -> str:
    """Where a queue is: what differs in anything is another queue, of which nothing is known yet."""
    names = ("kind", "redis", "cluster", "database", "prefix", "own_name", "jobs_table", "failed_table")
    return json.dumps([getattr(queue, name) for name in names])


def _known(settings: Settings) -> Mapping[str, Known] | None:
    """What the records know; None where they are away."""
    places = {queue.name: place_of(queue) for queue in settings.queue}
    try:
        with open_records(settings.records) as records:
            found = records_of_queues.known_queues(records, places)
            emptied = records_of_queues.emptied(records)
    except PrintflowError:
        return None
    held_by = {queue.name: str(queue.redis) for queue in settings.queue}
    return {name: _known_of(row, emptied.get(held_by[name])) for name, row in found.items()}


def _known_of(row: records_of_queues.QueueRow, emptied: float | None) -> Known:
    """What is known of a queue; what was seen of it before its Redis was emptied tells nothing any more."""
    seen = row.seen_at is not None and (emptied is None or row.seen_at > emptied)
    return Known(seen, row.cursor, row.first_seen, emptied=row.seen_at is not None and not seen)


def _remembered(
    settings: Settings, queues: Sequence[QueueSettings], known: Mapping[str, Known] | None, readings: Sequence[Reading]
) -> tuple[list[QueueState], Mapping[str, int]]:
    """The states with their growth, and how many failed jobs of each queue do not tell their order."""
    untold: dict[str, int] = {}
    if known is not None:
        with suppress(PrintflowError), open_records(settings.records) as records:
            states = []
            for queue, reading in zip(queues, readings, strict=True):
                states.append(_kept(records, queue, known.get(queue.name, Known()), reading, untold))
            return states, untold
    return [_without_records(reading) for reading in readings], {}


def _kept(
    records: records_of_queues.Records, queue: QueueSettings, known: Known, reading: Reading, untold: dict[str, int]
) -> QueueState:
    state, failed = reading.state, reading.failures
    if state.unreadable or state.none:
        return state
    found = order_jobs(failed.jobs if failed else (), queue.order)
    lost = found.untold + (failed.unlooked if failed else 0)
    if lost:
        untold[queue.name] = lost
    records_of_queues.remember_order_jobs(records, queue.name, found.jobs)
    moved = records_of_queues.remember_queue(
        records,
        queue.name,
        place_of(queue),
        seen=reading.seen,
        cursors=(known.cursor, failed.cursor if failed else known.cursor),
        new=failed.new if failed else 0,
    )
    if moved:  # else another look came first, and knows jobs that this one has not counted
        marks = failed.marks if failed else marks_of(known.first_seen)
        records_of_queues.remember_jobs(records, queue.name, {**reading.first_seen, **marks})
    if failed is None:
        why = state.unknown.get("failed", "failed jobs could not be read")
        return replace(state, unknown={**state.unknown, "growth": why})
    return replace(state, growth=records_of_queues.growth(records, queue.name, queue.failed_seconds))


def _without_records(reading: Reading) -> QueueState:
    """Without a cursor, what failed within the time is what of it is still there."""
    state, failed = reading.state, reading.failures
    if state.unreadable or state.none:
        return state
    unknown = {**state.unknown, "growth": WITHOUT_RECORDS}
    if without_failed(reading.first_seen):
        unknown["oldest"] = WITHOUT_SIGHT
    return replace(state, growth=failed.new if failed else None, unknown=unknown)


def _read_anew(
    settings: Settings, queue: QueueSettings, known: Known | None, reading: Reading, runs: Mapping[str, Run]
) -> Reading:
    """The reading; taken again where its Redis was emptied just now, so that the queue was read as one that is done."""
    run = runs.get(str(queue.redis), Run())
    if known is None or not known.seen or not run.now or reading.seen or reading.state.unreadable:
        return reading
    return read_queue(settings, queue, replace(known, seen=False, emptied=True))


def _runs(settings: Settings, servers: Sequence[Durability]) -> Mapping[str, Run]:
    """What became of each Redis since the look before; nothing where the records are away."""
    told = [server for server in servers if server.run_id and not server.unreadable]
    if not told:
        return {}
    try:
        with open_records(settings.records) as records:
            return {server.name: look_back(records, server.name, server.run_id, server.numbers) for server in told}
    except PrintflowError:
        return {}
