"""How often the jobs of a queue are tried, for how long they run and what is kept of them, as the jobs themselves say.

A job carries its own options: whoever queued it may have given it others than its class or the source of its queue has.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from printflow_reliability.text import printable, storable

SAMPLE = 100
"""Jobs looked at of each state: those that are next."""
LARGEST = 16 * 1024
"""Bytes of a job's options that are read."""
MOST_KINDS = 50
"""Kinds of jobs that are told one by one, the most frequent ones."""
LONGEST = 120
"""Characters of a name."""
OF_LARAVEL = ("maxTries", "timeout", "failOnTimeout", "backoff")
MARKER = b"0:"

Options = Mapping[str, Any]


@dataclass(frozen=True)
class JobKind:
    """Jobs of one name that say the same.

    Attributes:
        job: the class of the job, or its name of BullMQ.
        jobs: how many of those looked at say so.
        options: what they say; None where an option is not given.
    """

    job: str
    jobs: int
    options: Options

    @property
    def sentence(self) -> str:
        """What they say, in words."""
        said = [f"{name} {_shown(value)}" for name, value in self.options.items() if value is not None]
        lacking = [name for name in ("attempts", "maxTries", "timeout") if self.options.get(name, "") is None]
        return ", ".join([*said, *(f"no {name}" for name in lacking)])


@dataclass(frozen=True)
class SampledOptions:
    """What the jobs of a queue say of themselves.

    Attributes:
        looked_at: how many jobs were looked at.
        whole: whether these are all that there are.
        unread: how many of them have options that cannot be read.
        kinds: the others, the most frequent first.
    """

    looked_at: int = 0
    whole: bool = True
    unread: int = 0
    kinds: tuple[JobKind, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `queues` prints it."""
        return {
            "looked_at": self.looked_at,
            "whole": self.whole,
            "unread": self.unread,
            "jobs": [{"job": kind.job, "jobs": kind.jobs, **kind.options} for kind in self.kinds],
        }


def sampled(found: Iterable[tuple[str, Options | None]], *, whole: bool) -> SampledOptions:
    """What jobs say together; one without options cannot be read."""
    said, unread = Counter[str](), 0
    for job, options in found:
        if options is None:
            unread += 1
        else:
            said[json.dumps([printable(storable(job))[:LONGEST], options])] += 1
    kinds = []
    for text, jobs in said.most_common(MOST_KINDS):
        job, options = json.loads(text)
        kinds.append(JobKind(job, jobs, options))
    return SampledOptions(said.total() + unread, whole, unread, tuple(kinds))


def bullmq_options(client: "redis.Redis", base: str, jobs: int) -> SampledOptions:
    """What waiting, delayed and failed jobs of BullMQ say.

    Args:
        client: of the Redis.
        base: what the keys of the queue begin with.
        jobs: how many of them there are.
    """
    with client.pipeline(transaction=False) as pipe:
        for line in ("wait", "paused"):
            pipe.lrange(base + line, -SAMPLE, -1)
        for collection in ("prioritized", "delayed"):
            pipe.zrange(base + collection, 0, SAMPLE - 1)
        pipe.zrevrange(f"{base}failed", 0, SAMPLE - 1)
        lines: list[Any] = pipe.execute()
    ids = [*dict.fromkeys(job for line in lines for job in line if not job.startswith(MARKER))]
    with client.pipeline(transaction=False) as pipe:
        for job in ids:
            pipe.hstrlen(base.encode() + job, "opts")
        sizes: list[Any] = pipe.execute(raise_on_error=False)
        small = [job for job, size in zip(ids, sizes, strict=True) if isinstance(size, int) and 0 < size <= LARGEST]
        for job in small:
            pipe.hmget(base.encode() + job, ["name", "opts"])
        answers: list[Any] = pipe.execute(raise_on_error=False)
    found: list[tuple[str, Options | None]] = [("", None)] * (len(ids) - len(small))
    for answer in answers:
        name, options = (b"", None) if isinstance(answer, Exception) else answer
        found.append((storable(name or b""), _of_bullmq(options)))
    return sampled(found, whole=len(ids) >= jobs)


def _of_bullmq(content: bytes | None) -> Options | None:
    document = _object(content)
    if document is None:
        return None
    return {
        "attempts": _plain(document.get("attempts")) or None,
        "backoff": _parts(document.get("backoff"), ("type", "delay", "jitter")),
        "removeOnFail": _parts(document.get("removeOnFail"), ("age", "count")),
    }


def laravel_options(documents: Sequence[Mapping[str, Any] | None], *, whole: bool) -> SampledOptions:
    """What payloads of Laravel's say; a payload that is none cannot be read."""
    found = [
        (_name(document), {key: _plain(document.get(key)) for key in OF_LARAVEL})
        if document is not None
        else ("", None)
        for document in documents
    ]
    return sampled(found, whole=whole)


def _name(document: Mapping[str, Any]) -> str:
    return str(document.get("displayName") or document.get("job") or "")


def _object(content: bytes | None) -> Mapping[str, Any] | None:
    try:
        document = json.loads(content or b"")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _parts(value: Any, names: Sequence[str]) -> Any:
    """An option that may be an object: its known parts, so that nothing else of it is shown."""
    if not isinstance(value, dict):
        return _plain(value)
    return {name: _plain(value[name]) for name in names if name in value}


def _plain(value: Any) -> Any:
    """A number, a word or a truth; what else stands there is told as such."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and abs(value) < 1e15):
        return value
    return printable(storable(value))[:LONGEST] if isinstance(value, str) else "not readable"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {_shown(part)}" for name, part in value.items()) or "empty"
    return {True: "true", False: "false"}.get(value, "") if isinstance(value, bool) else str(value)
