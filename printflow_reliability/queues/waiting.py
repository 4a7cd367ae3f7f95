"""How long jobs have been waiting: exact where a job tells its time, from our first sight of it where it does not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from printflow_reliability.platform.identifiers import kept as kept_name
from printflow_reliability.queues.state import OldestJob

MOST_KEPT = 5_000
"""Jobs out of sight that are remembered: those seen last."""
EARLIEST, LATEST = 1_000_000_000, 100_000_000_000
"""Seconds since 1970 that are a time: after 2001, and none in milliseconds."""
SKEW_SECONDS = 60.0
"""How far the clocks of two machines may be apart; what tells a time beyond that from now tells none."""


def is_past(at: float, now: float) -> bool:
    """Whether this is a time that may have been, in seconds; false of NaN, infinity and another unit too."""
    return EARLIEST <= at <= now + SKEW_SECONDS


@dataclass(frozen=True)
class Claimable:
    """A job that a worker could take.

    Attributes:
        job: what identifies it in its queue, and how often it was tried: tried again, it waits anew.
        since: from when on it could be taken, in seconds by the clock of its store; None where it does not tell. What
            is no time, or not yet one, is not believed.
    """

    job: str
    since: float | None


@dataclass(frozen=True)
class Waiting:
    """What the looked-at jobs say together."""

    oldest: OldestJob
    first_seen: Mapping[str, float] = field(default_factory=dict)


def waiting(jobs: Iterable[Claimable], now: float, first_seen: Mapping[str, float], *, whole: bool) -> Waiting:
    """The age of the job that waits longest, and since when each job that tells no time is known.

    Args:
        jobs: those that were looked at.
        now: by the clock of their store.
        first_seen: of earlier looks.
        whole: whether these are all that could be taken.
    """
    oldest = OldestJob(0.0, exact=whole)
    # In a long line a job goes out of sight behind others, and comes into sight again before them.
    newest = [] if whole else sorted(first_seen.items(), key=lambda seen: seen[1])[-MOST_KEPT:]
    kept = dict(newest)
    untold = False
    for job in jobs:
        since, told = job.since, job.since is not None and is_past(job.since, now)
        if since is None or not told:
            since = now
        name = kept_name(job.job)
        seen = first_seen.get(name, since)
        if not told or seen < since:  # one that told a time to come, which has come meanwhile, waits for longer
            told, since = False, min(seen, since)
            kept[name] = since
            untold = True
        age = max(now - since, 0.0)
        if age > oldest.seconds:
            oldest = OldestJob(age, exact=whole and told)
    # Another one that tells no time may have been there for longer than the oldest that does.
    return Waiting(OldestJob(oldest.seconds, oldest.exact and not untold), kept)
