"""What one look found of one queue. Every number may be unknown, and says why: an unreadable queue is no empty one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from printflow_reliability.queues.job_options import SampledOptions
from printflow_reliability.settings import QueueSettings


@dataclass(frozen=True)
class OldestJob:
    """How long the job that waits longest could have been taken by a worker.

    Attributes:
        seconds: by the clock of the store; 0 where nothing waits.
        exact: False for a lower bound: the job tells no time, or not every job was looked at.
    """

    seconds: float
    exact: bool


@dataclass(frozen=True)
class QueueState:
    """One queue at one moment.

    Attributes:
        name: what printflow.toml calls it.
        kind: as printflow.toml has it.
        unreadable: why nothing is known of it; empty where something is.
        none: whether there is no queue at all, as with Laravel's `sync` driver.
        depth: jobs that a worker could take now: waiting, delayed and due, reserved for too long.
        waiting: jobs in the waiting line, those that wait while the queue is paused among them.
        prioritized: of a line of their own, as BullMQ has it.
        delayed: jobs that are to begin later, due or not; `due` is how many of them are due.
        reserved: jobs that a worker has taken.
        stalled: jobs that a worker has taken and nobody works on: without a lock, reserved past `retry_after`.
        waiting_children: jobs that wait for the children of their flow.
        failed: jobs that failed and are still kept; it falls when they are retried or pruned.
        growth: jobs that failed within `failed_seconds`, counted by cursor; at least so many where some were pruned.
        paused: whether workers take nothing from it.
        workers: how many are alive.
        junk: payloads that are no job, among the jobs that were looked at.
        never: delayed jobs whose time is none in seconds, or thousands of years away: nobody will ever take them.
        version: of the library that wrote it, as it says itself.
        options: how its jobs are tried and kept, as the jobs themselves say; None where they were not asked.
        unknown: by field, why it is not known.
    """

    name: str
    kind: str
    unreadable: str = ""
    none: bool = False
    depth: int | None = None
    oldest: OldestJob | None = None
    waiting: int | None = None
    prioritized: int | None = None
    delayed: int | None = None
    due: int | None = None
    reserved: int | None = None
    stalled: int | None = None
    waiting_children: int | None = None
    failed: int | None = None
    growth: int | None = None
    paused: bool | None = None
    workers: int | None = None
    junk: int | None = None
    never: int | None = None
    version: str = ""
    options: SampledOptions | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As `queues` prints it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "unreadable": self.unreadable or None,
            "none": self.none,
            "depth": self.depth,
            "oldest_seconds": None if self.oldest is None else round(self.oldest.seconds, 3),
            "oldest_exact": None if self.oldest is None else self.oldest.exact,
            "waiting": self.waiting,
            "prioritized": self.prioritized,
            "delayed": self.delayed,
            "due": self.due,
            "reserved": self.reserved,
            "stalled": self.stalled,
            "waiting_children": self.waiting_children,
            "failed": self.failed,
            "growth": self.growth,
            "paused": self.paused,
            "workers": self.workers,
            "junk": self.junk,
            "never_due": self.never,
            "version": self.version or None,
            "options": None if self.options is None else self.options.as_json(),
            "unknown": dict(self.unknown),
        }


@dataclass(frozen=True)
class FailedJob:
    """A job that failed since the look before.

    Attributes:
        job: what identifies it in its queue.
        name: its class, or its name of BullMQ; empty where its payload is none.
        payload: what `path` of a [[queue.order]] begins in; None where it cannot be read.
        reason: what it failed with, on one line.
    """

    job: str
    name: str
    payload: Any
    reason: str


@dataclass(frozen=True)
class Known:
    """What the records know of a queue from earlier looks.

    Attributes:
        seen: whether a job of it was ever seen, or anything else that only this queue can have left.
        cursor: up to where failed jobs were counted; None at the first look.
        first_seen: when each waiting job was seen first, in seconds by the clock of its store.
        emptied: whether its Redis was emptied since a job of it was seen, so that nothing tells that it is there.
    """

    seen: bool = False
    cursor: float | None = None
    first_seen: Mapping[str, float] = field(default_factory=dict)
    emptied: bool = False


@dataclass(frozen=True)
class Failures:
    """The failed jobs of a queue.

    Attributes:
        kept: how many are there.
        new: how many of them lie above the cursor.
        cursor: the new one.
        jobs: the newest of the new ones, where orders are to be found in them.
        unlooked: how many of the new ones these are not, where orders are to be found in them.
        marks: the failed jobs that the next look is to know, as `Known.first_seen`.
    """

    kept: int
    new: int
    cursor: float
    jobs: tuple[FailedJob, ...] = ()
    unlooked: int = 0
    marks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What one look at one queue found, and what the records are to know of it.

    Attributes:
        state: without its growth, which the records add up.
        seen: whether this look proves that the queue is there.
        first_seen: the waiting jobs that tell no time, as `Known.first_seen`.
        failures: None where they could not be read.
    """

    state: QueueState
    seen: bool = False
    first_seen: Mapping[str, float] = field(default_factory=dict)
    failures: Failures | None = None


def unreadable(queue: QueueSettings, why: str) -> Reading:
    """The reading of a queue of which nothing is known."""
    return Reading(QueueState(queue.name, queue.kind, unreadable=why))
