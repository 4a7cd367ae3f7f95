"""`printflow queues`: every queue as it really is, the workers, and what each Redis keeps."""

import typer

from printflow_reliability.check_rows import OUTCOME_WORDS, check_rows
from printflow_reliability.conclusion import conclude
from printflow_reliability.console import JSON_OPTION, invocation, say, table
from printflow_reliability.queues.look import QueuesReport, check_queues
from printflow_reliability.queues.state import QueueState
from printflow_reliability.text import counted, seconds

UNKNOWN = "unknown"
SHOWN_KINDS = 5
"""Of each queue; --json has them all."""


def queues_command(ctx: typer.Context, as_json: bool = JSON_OPTION) -> None:
    """Look at every queue: how many jobs wait and for how long, which failed or stalled, and whether workers live.

    A job carries its own tries and time limit; where these are others than those of its class, they count. What a
    queue or a Redis does not tell is unknown, and never zero. Delayed jobs count once they are due. An age with
    + is a lower bound: the jobs tell no time, or were not all looked at.
    """
    settings = invocation(ctx).settings()
    report = check_queues(settings)
    conclude(settings, report, as_json=as_json, show=lambda: _show(report))


def _show(report: QueuesReport) -> None:
    if report.queues:
        columns = ("queue", "kind", "waiting", "oldest", "delayed", "taken", "stalled", "failed", "newly", "workers")
        table(columns, [_row(queue) for queue in report.queues])
    for queue in report.queues:
        _show_options(queue)
    for worker in report.workers:
        age = "unknown" if worker.unreadable else "none" if worker.seconds is None else f"{seconds(worker.seconds)} old"
        say(f"heartbeat of {worker.name}: {age}")
    for server in report.servers:
        facts = server.as_json()
        kept = "unknown" if server.unreadable else f"append-only file {'on' if facts['aof_enabled'] else 'OFF'}"
        say(f"Redis {server.name}: {kept}")
    for row in check_rows(check.as_json() for check in report.checks):
        say(f"{OUTCOME_WORDS[row.outcome]}  {', '.join(row.names)}: {row.detail}")


def _show_options(queue: QueueState) -> None:
    """What the jobs say of themselves, whatever their class says."""
    options = queue.options
    if options is None or not options.looked_at:
        return
    which = "every job" if options.whole else counted(options.looked_at, "job")
    said = f", {options.unread:,} of them without options that can be read" if options.unread else ""
    say(f"{queue.name}: {which} looked at{said}")
    for kind in options.kinds[:SHOWN_KINDS]:
        say(f"  {counted(kind.jobs, 'job')} {kind.job or 'without a name'}: {kind.sentence}")
    if more := options.kinds[SHOWN_KINDS:]:
        say(f"  {counted(len(more), 'more kind')}: printflow queues --json")


def _row(queue: QueueState) -> tuple[str, ...]:
    if queue.none:
        return (queue.name, queue.kind, "no queue: jobs run at once", *("-" for _ in range(7)))
    if queue.unreadable:
        return (queue.name, queue.kind, *(UNKNOWN for _ in range(8)))
    oldest = queue.oldest
    age = UNKNOWN if oldest is None else seconds(oldest.seconds) + ("" if oldest.exact else "+") if queue.depth else "-"
    numbers = (queue.delayed, queue.reserved, queue.stalled, queue.failed, queue.growth)
    workers = "-" if queue.workers is None and "workers" not in queue.unknown else _number(queue.workers)
    depth = f"{_number(queue.depth)}{' (paused)' if queue.paused else ''}"
    return (queue.name, queue.kind, depth, age, *map(_number, numbers), workers)


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"
