"""Cheap questions that are asked now: do clusters answer and archive, do Redis, buckets and the records answer?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from printflow_reliability.backups.wal import ask_archiving
from printflow_reliability.checks import Outcome
from printflow_reliability.errors import PrintflowError
from printflow_reliability.findings import Severity
from printflow_reliability.overview.facts import Facts, read_facts
from printflow_reliability.parallel import run_parallel
from printflow_reliability.readiness.questions import Questions
from printflow_reliability.records.database import open_records
from printflow_reliability.settings import BucketSettings, ClusterSettings, RedisSettings, Settings
from printflow_reliability.status.line import Line
from printflow_reliability.storage.observation import observe_bucket
from printflow_reliability.text import counted, shell_word

LIMIT_SECONDS = 4.0
"""For each system; whoever looks at 3 a.m. waits no longer than that for one that hangs."""
ARCHIVING, REDIS, BUCKETS, RECORDS = "archiving", "redis", "buckets", "records"
LOOK = "printflow ready"
NOT_SEEN = "held orders, recoverable moments, files, backups, drills, dumps, queues, alerts and watchers cannot be seen"
"""What only the records know."""


@dataclass(frozen=True)
class Live:
    """What answered now: the lines, and what the records know; None where they do not answer."""

    lines: tuple[Line, ...]
    facts: Facts | None


def ask_live(settings: Settings, questions: Questions) -> Live:
    """Ask every system, side by side."""
    asked: list[Callable[[], Line | Facts]] = [partial(_records, settings, questions)]
    asked += [partial(_archiving, settings, questions, cluster) for cluster in settings.cluster]
    asked += [partial(_redis, questions, server) for server in settings.redis]
    asked += [partial(_bucket, questions, bucket) for bucket in settings.bucket]
    found = run_parallel(asked)
    lines = [answer for answer in found if isinstance(answer, Line)]
    facts = next((answer for answer in found if isinstance(answer, Facts)), None)
    return Live(tuple(_together(lines)), facts)


def _records(settings: Settings, questions: Questions) -> Line | Facts:
    def ask() -> Facts:
        with open_records(settings.records) as records:
            return read_facts(records)

    try:
        return questions.ask("the records database", ask)
    except PrintflowError as away:
        return Line(RECORDS, Outcome.UNKNOWN, f"{away.what}: {NOT_SEEN}", LOOK, Severity.CRITICAL)


def _archiving(settings: Settings, questions: Questions, cluster: ClusterSettings) -> Line:
    ask = partial(ask_archiving, cluster, settings.backups.max_wal_lag_seconds)
    command = f"printflow wal verify {shell_word(cluster.name)}"
    try:
        _, verdict = questions.ask(f'cluster "{cluster.name}"', ask)
    except PrintflowError as away:
        return Line(ARCHIVING, Outcome.UNKNOWN, away.sentence, command, Severity.CRITICAL)
    return Line(ARCHIVING, verdict.outcome, verdict.sentence, command, Severity.CRITICAL)


def _redis(questions: Questions, server: RedisSettings) -> Line:
    def ask() -> None:
        # Its client is slow to load, and only some platforms need it.
        from printflow_reliability.platform.redis_server import asking

        with asking(server) as client:
            client.ping()

    command = "printflow queues"
    try:
        questions.ask(f'Redis "{server.name}"', ask)
    except PrintflowError as away:
        return Line(REDIS, Outcome.UNKNOWN, away.sentence, command, Severity.CRITICAL)
    return Line(REDIS, Outcome.PASS, f'Redis "{server.name}" answers now', command)


def _bucket(questions: Questions, bucket: BucketSettings) -> Line:
    name = f'bucket "{bucket.name}"' + (f" at {bucket.endpoint_url}" if bucket.endpoint_url else "")
    try:
        questions.ask(name, partial(observe_bucket, bucket))
    except PrintflowError as away:
        return Line(BUCKETS, Outcome.UNKNOWN, away.sentence, LOOK, Severity.CRITICAL)
    return Line(BUCKETS, Outcome.PASS, bucket.name, LOOK)


def _together(lines: Sequence[Line]) -> list[Line]:
    """The buckets that answer on one line."""
    well = [line for line in lines if line.area == BUCKETS and line.outcome is Outcome.PASS]
    others = [line for line in lines if line not in well]
    if not well:
        return others
    text = f"{counted(len(well), 'bucket')} answer now" if len(well) > 1 else f'bucket "{well[0].text}" answers now'
    return [*others, Line(BUCKETS, Outcome.PASS, text, LOOK)]
